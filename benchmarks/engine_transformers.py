"""The transformers engine over a plain `generate` loop at batch 1: 256 prompts of Alpaca's lengths.

    python benchmarks/engines.py transformers

A toy model is made for it. Prompts are of the lengths of $EVOBUILD_REAL_DATA/alpaca/alpaca_data.json,
else of data/raw/sample.jsonl. Replies are greedy, in fp32 on a CPU, and go through the chat client and an
empty reply cache. For comparison it also prints what transformers' continuous batching makes of the same
prompts, all of the same room and each with a room of its own.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import Figures

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.uri import ChatModel, Weights
from evobuild.models.client import Model
from evobuild.training import scratch
from evobuild.training.params import Scratch
from evobuild.weights import checkpoints, threads

PROMPTS = 256
ROOM = 64
"""Tokens per reply."""

SAMPLE = Path(__file__).parent.parent / "data" / "raw" / "sample.jsonl"
TOY = Scratch(vocabulary=2048, steps=20, batch=8, length=128, learning_rate=0.003)


def texts() -> list[str]:
    """Instructions with their inputs, from all over the file."""
    if data := os.environ.get("EVOBUILD_REAL_DATA"):
        rows = json.loads((Path(data) / "alpaca" / "alpaca_data.json").read_text())
    else:
        rows = [json.loads(line) for line in SAMPLE.read_text().splitlines()]
    found = dict.fromkeys(f"{row['instruction']}\n{row['input']}".strip() for row in rows)
    step = max(1, len(found) // PROMPTS)
    # The sample has fewer than that: the same lengths again, but other prompts.
    return [f"{text} ({again})" for again in range(PROMPTS) for text in list(found)[::step]][:PROMPTS]


def rooms(varied: bool) -> list[int]:
    """Tokens that each prompt may be answered with."""
    return [8 + 53 * place % 240 if varied else ROOM for place in range(PROMPTS)]


def through_client(model: Path, prompts: list[str], most: list[int]) -> tuple[float, list[str], int]:
    """Seconds without the start of the engine, the replies' texts, and their tokens."""
    os.environ["EVOBUILD_STORE"] = str(Path(tempfile.mkdtemp(dir=model)) / "store.sqlite")
    requests = [
        Request(str(place), "respond", (Message("user", prompt),), Sampling(max_tokens=room))
        for place, (prompt, room) in enumerate(zip(prompts, most, strict=True))
    ]
    with Model(ChatModel("transformers", str(model))) as client:
        client.started_engine()
        began = time.monotonic()
        replies = {int(reply.key): reply for reply in client.generate(requests)}
        seconds = time.monotonic() - began
    ordered = [replies[place] for place in range(PROMPTS)]
    return seconds, [reply.text for reply in ordered], sum(reply.choices[0].tokens for reply in ordered)


def one_by_one(model: Any, tokenizer: Any, prompts: list[str], most: list[int]) -> tuple[float, list[str]]:
    """Seconds and texts of a plain loop."""
    began, found = time.monotonic(), []
    for prompt, room in zip(prompts, most, strict=True):
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt"
        )
        out_1_T = model.generate(**inputs, do_sample=False, max_new_tokens=room)
        made = out_1_T[0, inputs["input_ids"].shape[1] :]
        found.append(tokenizer.decode(made, skip_special_tokens=True))
    return time.monotonic() - began, found


def continuous(model: Any, tokenizer: Any, prompts: list[str], most: list[int]) -> tuple[float, list[str]]:
    """Seconds and texts of transformers' continuous batching, set as was fastest on two cores."""
    from transformers import ContinuousBatchingConfig, GenerationConfig

    config = GenerationConfig(do_sample=False, eos_token_id=tokenizer.eos_token_id, max_new_tokens=max(most))
    # 256 tokens a page; left to itself it takes all memory, and seconds to make it ready.
    setting = ContinuousBatchingConfig(max_batch_tokens=256, num_blocks=256, max_requests_per_batch=64)
    began, found = time.monotonic(), {}
    with model.continuous_batching_context_manager(config, continuous_batching_config=setting) as manager:
        for place, (prompt, room) in enumerate(zip(prompts, most, strict=True)):
            ids = tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], add_generation_prompt=True, return_dict=False
            )
            manager.add_request(ids, request_id=str(place), max_new_tokens=room)
        while len(found) < PROMPTS:
            result = manager.get_result(timeout=60)
            if result is not None and result.is_finished():
                found[int(result.request_id)] = result.generated_tokens
        seconds = time.monotonic() - began
    return seconds, [tokenizer.decode(found[place], skip_special_tokens=True) for place in range(PROMPTS)]


def run(figures: Figures) -> None:
    """Take the figures."""
    prompts = texts()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        # One long text: a model that has seen no end makes replies as long as they may be.
        scratch.train_scratch_model(["\n".join(prompts)], TOY, 1, path)
        # A second thread has nothing to do at this size, and waits for the first by turning in circles.
        with threads.cpu_threads(1):
            for varied in (False, True):
                _compare(figures, path, prompts, varied)


def _compare(figures: Figures, path: Path, prompts: list[str], varied: bool) -> None:
    """All three ways, side by side; only with equal rooms is the engine's speed a promise."""
    name, most = Weights(str(path)), rooms(varied)
    model, tokenizer = checkpoints.load_causal_lm(name), checkpoints.load_tokenizer(name)
    kind = "replies of 8 to 247 tokens" if varied else f"replies of up to {ROOM} tokens"
    plain, wanted = one_by_one(model, tokenizer, prompts, most)
    took, found, tokens = through_client(path, prompts, most)
    other, _ = continuous(model, tokenizer, prompts, most)
    for way, seconds in (("one by one", plain), ("engine", took), ("continuous batching", other)):
        print(f"{kind}, {way}: {seconds:.2f} s, {tokens / seconds:,.0f} tokens/s", flush=True)
    if not varied:
        figures.at_least("transformers engine over one by one", plain / took, 5, "x")
    differ = sum(one != two for one, two in zip(wanted, found, strict=True))
    figures.at_most(f"transformers engine, texts that differ, {kind}", differ, 0, "texts")
