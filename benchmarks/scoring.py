"""Scoring over a reference that takes one row at a time in three passes, as published scorers do.

    EVOBUILD_REAL_DATA=<folder> python benchmarks/scoring.py [cpu] [tiny] [gpu]

The reference is plain transformers and the three passes of IC-IFD's authors: question and answer for
the question's loss, again for the answer's, and the answer alone, each with all its logits. Pairs and
losses are the same, so the figures also say how far results differ. Rows are Alpaca's.

cpu: random weights in the shape of SmolLM2-135M, 48 rows, 2 threads, turns interleaved.
tiny: stories260K, 5,000 rows. gpu: the same 135M and a 7B shape, where there is CUDA.
Loading, and what a loaded model is tried with once, is not counted.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from figures import Figures
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as Tokenizer

from evobuild.core.instructions import Instruction
from evobuild.weights import losses, tokenized_pairs
from evobuild.weights.likelihood import Reader
from evobuild.weights.losses import Pair

VOCABULARY = 49_152
LONGEST = 2048
"""Tokens of question and answer."""
SHAPES = {
    "135M": {
        "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
        "intermediate_size": 1536, "tie_word_embeddings": True,
    },
    "7B": {
        "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "intermediate_size": 14336, "tie_word_embeddings": False,
    },
}  # fmt: skip
PEAK = 989e12
"""Multiplications and additions in bf16 that an H200 does in a second, by its data sheet."""
Found = dict[str, tuple[float, float, float]]
"""L(Q), L(A|Q) and L(A) by row."""


def rows(data: Path, count: int, answered: bool = True) -> list[Instruction]:
    """The first rows of Alpaca, by default those that have an answer."""
    texts = json.loads((data / "alpaca/alpaca_data.json").read_text())
    texts = [row for row in texts if row["output"] or not answered]
    return [
        Instruction(str(n), "", "", "", "r0", "", (), row["instruction"], row["input"], row["output"])
        for n, row in enumerate(texts[:count])
    ]


def tokenizer(data: Path) -> Any:
    """A byte-level BPE of VOCABULARY tokens, made from all of Alpaca."""
    texts = (f"{row.instruction}\n{row.input}\n{row.output}" for row in rows(data, 1 << 30))
    made = ByteLevelBPETokenizer()
    made.train_from_iterator(texts, VOCABULARY, 1, show_progress=False, special_tokens=["<s>"])
    return Tokenizer(tokenizer_object=made._tokenizer, bos_token="<s>")


def build_shaped(name: str, **options: Any) -> Any:
    """A model of random weights."""
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=LONGEST, **SHAPES[name])
    model = LlamaForCausalLM._from_config(config, **options)
    return model.eval()


def tokenized(tokenizer: Any, some: Sequence[Instruction]) -> list[Pair]:
    """Rows as ids, by the template plain."""
    found = tokenized_pairs.tokenize_pairs(tokenizer, "plain", some, LONGEST)
    return [each for each in found if isinstance(each, Pair)]


def reference(model: Any, pairs: Sequence[Pair]) -> Iterator[tuple[str, float, float, float]]:
    """One row at a time, three passes, two of them over the same tokens."""
    for pair in pairs:
        found = []
        for ids, first, end in (
            (pair.both, *pair.question[0]),
            (pair.both, pair.answer_start, len(pair.both)),
            (pair.alone, pair.alone_start, len(pair.alone)),
        ):
            labels = torch.full((1, len(ids)), -100, device=model.device)
            ids_1_T = torch.tensor([ids], device=model.device)
            labels[:, first:end] = ids_1_T[:, first:end]
            with torch.no_grad():
                found.append(model(input_ids=ids_1_T, labels=labels).loss.item())
        yield pair.id, *found


def score_by_reference(model: Any, tokenizer: Any, some: Sequence[Instruction]) -> Callable[[], Found]:
    return lambda: {key: (q, given, a) for key, q, given, a in reference(model, tokenized(tokenizer, some))}


def score_by_us(model: Any, tokenizer: Any, some: Sequence[Instruction]) -> Callable[[], Found]:
    reader = Reader(model)
    return lambda: {each.id: each[4:] for each in losses.pair_losses(reader, tokenized(tokenizer, some))}


def timed(run: Callable[[], Found]) -> tuple[float, Found]:
    """Seconds, and what was found."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    found = run()
    return time.perf_counter() - began, found


def apart(found: Found, wanted: Found) -> float:
    """The largest relative difference of a loss."""
    assert found.keys() == wanted.keys()
    pairs = ((one, two) for key in wanted for one, two in zip(found[key], wanted[key], strict=True))
    return max(abs(one / two - 1) for one, two in pairs)


def cpu(figures: Figures, data: Path, turns: int = 5) -> None:
    """135M parameters on two threads: ours in fp32 and bf16 over the reference in fp32."""
    torch.set_num_threads(2)
    some, words, model = rows(data, 48), tokenizer(data), build_shaped("135M")
    rough = build_shaped("135M").to(torch.bfloat16)

    def ways(some: Sequence[Instruction]) -> list[Callable[[], Found]]:
        ours = score_by_us(model, words, some), score_by_us(rough, words, some)
        return [score_by_reference(model, words, some), *ours]

    for run in ways(some[:2]):
        run()  # what a first pass sets up is not a speed
    runs = ways(some)
    seconds: list[list[float]] = []
    for _ in range(turns):
        took, found = zip(*map(timed, runs), strict=True)
        seconds.append(list(took))
        print("135M, seconds:", *(f"{each:.2f}" for each in took), flush=True)
    speed = [statistics.median(turn[0] / turn[way] for turn in seconds) for way in (1, 2)]
    figures.at_least("135M fp32 over the reference", speed[0], 1.55, "x")
    figures.at_most("135M fp32, largest relative difference x 1e5", 1e5 * apart(found[1], found[0]), 1, "")
    figures.at_least("135M bf16 over the reference in fp32", speed[1], 3.7, "x")
    figures.at_most("135M bf16, largest relative difference x 1e3", 1e3 * apart(found[2], found[0]), 2, "")


def tiny(figures: Figures, data: Path, turns: int = 1) -> None:
    """stories260K on 5,000 rows."""
    torch.set_num_threads(2)
    folder = data / "models/stories260K"
    words, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    some = rows(data, 5000)
    runs = [score_by_reference(model, words, some), score_by_us(model, words, some)]
    score_by_us(model, words, some[:64])()
    speeds = []
    for _ in range(turns):
        (slow, wanted), (fast, found) = map(timed, runs)
        print(f"stories260K, seconds: {slow:.1f} {fast:.1f}", flush=True)
        speeds.append(slow / fast)
    figures.at_least("stories260K over the reference", statistics.median(speeds), 8, "x")
    figures.at_most("stories260K, largest relative difference x 1e5", 1e5 * apart(found, wanted), 1, "")


def gpu(figures: Figures, data: Path) -> None:
    """bf16 on a GPU, and the share of its matrix peak that scoring reaches."""
    if not torch.cuda.is_available():
        print("no CUDA here: the figures of an H200 are left out", flush=True)
        return
    words = tokenizer(data)
    for shape, count, must in (("135M", 5000, 20), ("7B", 2000, 3)):
        torch.cuda.empty_cache()
        with torch.device("cuda"):
            model = build_shaped(shape, dtype=torch.bfloat16)
        some = rows(data, count)
        ours = score_by_us(model, words, some)
        score_by_reference(model, words, some[:20])(), ours()
        share = min(count, 300)
        slow, _ = timed(score_by_reference(model, words, some[:share]))
        fast, _ = timed(ours)
        figures.at_least(f"{shape} bf16 over the reference", (slow / share) / (fast / count), must, "x")
        reached = operations(model, words, some) / fast / PEAK
        if shape == "7B":
            figures.at_least(f"{shape} share of an H200's matrix peak", reached, 0.4, "")
        else:
            print(f"{shape} share of an H200's matrix peak: {reached:.3f}", flush=True)


def operations(model: Any, words: Any, some: Sequence[Instruction]) -> float:
    """Multiplications and additions that scoring needs, those of attention left out."""
    tokens = sum(len(pair.both) + len(pair.alone) for pair in tokenized(words, some))
    weights = sum(each.numel() for each in model.model.layers.parameters()) + model.lm_head.weight.numel()
    return 2.0 * weights * tokens


def run(figures: Figures, parts: Sequence[str] = ("cpu", "tiny", "gpu")) -> None:
    """Take the figures, if there is real data."""
    if not (folder := os.environ.get("EVOBUILD_REAL_DATA")):
        print("EVOBUILD_REAL_DATA names no folder of public data: the figures of scoring are left out")
        return
    for part in parts:
        {"cpu": cpu, "tiny": tiny, "gpu": gpu}[part](figures, Path(folder))


if __name__ == "__main__":
    taken = Figures()
    run(taken, sys.argv[1:] or ("cpu", "tiny", "gpu"))
    taken.print()
