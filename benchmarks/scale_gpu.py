"""A GPU's share of the work: the stage `evolve` over bare vLLM, and IC-IFD, by a 7B model of random weights.

    python benchmarks/scale.py gpu

Needs an H200, or another GPU of 80 GB, vLLM for the first, and 32 GB of disk in TMPDIR; minutes.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from pathlib import Path

import engine_vllm
from figures import Figures
from training_data import Shape, random_base, read_answered_rows

from evobuild.core.uri import ChatModel, Weights
from evobuild.scoring.params import Score as ScoreParams
from evobuild.scoring.score import Score, Scorer
from evobuild.training.planning.flops import mean_attended_length, peak_flops, training_flops_per_token
from evobuild.training.planning.shapes import model_shape

SEVEN: Shape = {
    "vocab_size": 152064,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
}
"""Qwen2.5-7B's."""
ROWS = 4000
WARM = 200
"""Rows that are scored before those that are timed."""
MACHINE = "vllm: {gpu_memory_utilization: 0.6}\n"
FORWARD = 1 / 3
"""Of a training's operations, those of its forward pass."""


def run(figures: Figures) -> None:
    """Take both figures, if there is a GPU."""
    import torch

    if not torch.cuda.is_available():
        print("not taken: gpu; there is no GPU here")
        return
    with tempfile.TemporaryDirectory(prefix="evobuild-scale-") as folder:
        base = Path(folder)
        random_base(base, SEVEN, read_answered_rows(1000), "qwen2", dtype="bfloat16")
        torch.cuda.empty_cache()
        share = share_of_peak(base, torch.cuda.get_device_name())
        figures.at_least("IC-IFD of a 7B model, of the GPU's peak", 100 * share, 40, "%")
        torch.cuda.empty_cache()
        if importlib.util.find_spec("vllm") is None:
            print("not taken: evolve on a GPU; vLLM is not installed")
            return
        ratio = engine_vllm.over_bare(ChatModel("vllm", str(base), dtype="bfloat16"), MACHINE)
        figures.at_most("evolve stage over bare LLM.chat, vLLM, 7B on a GPU", ratio, 1.03, "x")


def share_of_peak(base: Path, device: str, count: int = ROWS) -> float:
    """What scoring rows does of the operations that the device could do meanwhile; 0 if that is not known.

    Counted are the tokens that IC-IFD needs: question and answer together, and the answer alone.
    """
    from transformers import AutoConfig

    rows = read_answered_rows(count + WARM)
    params = ScoreParams(template="plain", dtype="bfloat16", max_length=2048)
    with engine_vllm.own_folder(""), Scorer(Weights(str(base)), params) as scorer:
        list(scorer.score_rows(rows[:WARM]))
        began = time.monotonic()
        scores = [each for each in scorer.score_rows(rows[WARM:]) if isinstance(each, Score)]
        seconds = time.monotonic() - began
    lengths = [each.question_tokens + each.answer_tokens for each in scores]
    lengths += [each.answer_tokens for each in scores]
    flops = training_flops_per_token(
        model_shape(AutoConfig.from_pretrained(base)), mean_attended_length(lengths)
    )
    print(
        f"{len(scores):,} rows, {sum(lengths):,} tokens in {seconds:.1f} s: "
        f"{sum(lengths) / seconds:,.0f} tokens/s, {len(scores) / seconds:,.0f} rows/s on {device}",
        flush=True,
    )
    peak = peak_flops(device)
    return FORWARD * flops * sum(lengths) / seconds / peak if peak else 0.0
