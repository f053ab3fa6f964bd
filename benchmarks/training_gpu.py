"""What fine-tuning makes of GPUs, against what is promised.

    python benchmarks/training_gpu.py [PART...]

mfu: the share of an H200's or H100's peak FLOP/s that full tuning of a 1.5B model uses, random weights,
rows of 2,048 tokens, with and without gradient checkpointing. strategies: FSDP2 and, with deepspeed, ZeRO
on all GPUs of the machine against DDP. qlora: an adapter on weights of 4 bits, with bitsandbytes. Prints
each figure as it comes and, last, one JSON object: figure -> {"value", "must", "holds"}; without a GPU it
says so, and takes none.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from figures import Figures, of_parts
from training_data import Shape, random_base, read_answered_rows

ROOT = Path(__file__).parent.parent
PARTS = ("mfu", "strategies", "qlora")
LENGTH = 2048
"""Tokens of a row."""
LARGE: Shape = {
    "vocab_size": 151936,
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
}
"""Qwen2.5-1.5B's."""
MIDDLE: Shape = {
    "vocab_size": 151936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
}
"""Qwen2.5-0.5B's."""
WARM = 3
"""Steps before those that are timed."""

Run = dict[str, Any]


def mfu(figures: Figures, folder: Path) -> None:
    """MFU of full tuning on one GPU, bf16 passes on fp32 weights, at the micro-batch that is found."""
    random_base(folder, LARGE, read_answered_rows(1000), "qwen2")
    found = {}
    for checkpointing in (False, True):
        machine = {"processes": 1, "gradient_checkpointing": checkpointing}
        run = trained(folder, machine, {"batch": 64}, steps=WARM + 5)
        found[checkpointing] = share_of_peak(folder, run)
        speed = run["tokens_per_step"] / step_seconds(run)
        print(
            f"gradient checkpointing {checkpointing}: {speed:,.0f} tokens/s, MFU {found[checkpointing]:.1%}, "
            f"micro-batch {run['budget']:,} tokens, {run['peak'] / 2**30:.1f} GiB, {run['device']}",
            flush=True,
        )
    figures.at_least("MFU of full SFT, 1.5B, 2,048 tokens packed", 100 * max(found.values()), 45, "%")


def strategies(figures: Figures, folder: Path) -> None:
    """Train three steps by each strategy on all GPUs: losses as DDP's, weights that transformers reads."""
    random_base(folder, MIDDLE, read_answered_rows(1000), "qwen2")
    kinds = ["fsdp"] + (["zero2", "zero3"] if importlib.util.find_spec("deepspeed") else [])
    given = {"batch": 16}
    plain = trained(folder, {"strategy": "ddp"}, given, steps=3)
    print(f"ddp, {plain['gpus']} GPUs: losses {plain['losses']}", flush=True)
    for kind in kinds:
        run = trained(folder, {"strategy": kind}, given, steps=3)
        print(f"{kind}: losses {run['losses']}", flush=True)
        figures.at_most(f"{kind}: losses against DDP's", difference(plain, run), 1e-3, "relative")
    if "zero2" not in kinds:
        print("not taken: zero2, zero3; deepspeed is not installed")


def qlora(figures: Figures, folder: Path) -> None:
    """Train an adapter on weights of 4 bits."""
    if importlib.util.find_spec("bitsandbytes") is None:
        print("not taken: qlora; bitsandbytes is not installed")
        return
    random_base(folder, MIDDLE, read_answered_rows(1000), "qwen2")
    lora = {"rank": 16, "alpha": 32, "dropout": 0.0, "targets": "all-linear", "quantize": 4}
    changes = {"batch": 16, "lora": lora, "merge": False, "learning_rate": 1e-3}
    run = trained(folder, {"processes": 1}, changes, steps=8)
    figures.at_least("QLoRA: loss that 8 steps take away", run["losses"][0] - run["losses"][-1], 0, "nats")


def share_of_peak(folder: Path, run: Run) -> float:
    """The MFU of a run, 0 where the device's peak is not known."""
    from transformers import AutoConfig

    from evobuild.training.planning.flops import peak_flops, training_flops_per_token
    from evobuild.training.planning.shapes import model_shape

    flops = training_flops_per_token(model_shape(AutoConfig.from_pretrained(folder)), run["length"])
    peak = peak_flops(run["device"]) or math.inf
    return run["tokens_per_step"] / step_seconds(run) * flops / peak


def step_seconds(run: Run) -> float:
    """Seconds of a step, the median of those after the first few."""
    return statistics.median(run["seconds"][WARM:])


def difference(one: Run, other: Run) -> float:
    """The largest relative difference of two runs' losses."""
    pairs = zip(one["losses"], other["losses"], strict=True)
    return max(abs(first - second) / first for first, second in pairs)


def trained(
    base: Path, machine: Mapping[str, Any], changes: Mapping[str, Any], steps: int, length: int = LENGTH
) -> Run:
    """Train a base in a process of its own, and give what `main` prints of it."""
    task = {
        "base": str(base),
        "machine": dict(machine),
        "changes": dict(changes),
        "steps": steps,
        "length": length,
    }
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": folder}
        command = [sys.executable, __file__, "--train", json.dumps(task)]
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=1800
        )
    found: Run = json.loads(ran.stdout.splitlines()[-1])
    return found


def train(task: Run, folder: Path) -> Run:
    """Train on rows of random tokens, all of one length. folder: of machine.yaml, checkpoints and weights."""
    import torch
    import yaml

    from evobuild.core.uri import Weights
    from evobuild.training import finetune
    from evobuild.training.examples.templates import training_tokenizer
    from evobuild.training.params import Finetune

    (folder / "machine.yaml").write_text(yaml.safe_dump({"training": task["machine"]}))
    plain = {"epochs": 1, "batch": 1, "learning_rate": 1e-5, "warmup": 0.0, "max_length": task["length"]}
    settings = Finetune.model_validate(plain | task["changes"])
    base = Weights(task["base"])
    tokenizer = training_tokenizer(base, "own")
    rows = torch.randint(
        len(tokenizer),
        (task["steps"] * settings.batch, task["length"]),
        generator=torch.Generator().manual_seed(0),
    ).tolist()
    examples = [{"input_ids": row, "labels": [-100, *row[1:]]} for row in rows]
    seen = _watch()
    out = folder / "tuned"
    out.mkdir()
    tuned = finetune.tune(
        finetune.Learnt(examples, [], tokenizer), finetune.Tuning("base", base, settings, 7), out
    )
    if not settings.lora.rank:
        _check_weights(out)
    gpu = torch.cuda.is_available()
    ends = seen["ends"]
    return {
        "losses": [entry["loss"] for entry in tuned.history if "loss" in entry],
        "seconds": [after - before for before, after in pairwise(ends)],
        "budget": seen["budget"],
        "tokens_per_step": settings.batch * task["length"],
        "length": task["length"],
        "gpus": torch.cuda.device_count(),
        "device": torch.cuda.get_device_name() if gpu else "CPU",
        "peak": torch.cuda.max_memory_allocated() if gpu else 0,
    }


def _watch() -> dict[str, Any]:
    """Have the trainer of this process note when each step ends, and its micro-batch."""
    import torch

    from evobuild.training.running.callbacks import Control

    seen: dict[str, Any] = {"ends": [], "budget": 0}
    own = Control.on_step_end

    def noted(self: Any, *given: Any, **options: Any) -> Any:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seen["ends"].append(time.monotonic())
        seen["budget"] = self._trainer.plan.budget
        return own(self, *given, **options)

    Control.on_step_end = noted  # type: ignore[method-assign]
    return seen


def _check_weights(folder: Path) -> None:
    """Read tuned weights as transformers does: all are there, and all are numbers."""
    from transformers import AutoModelForCausalLM

    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    assert all(each.isfinite().all() for each in model.parameters())


def take(figures: Figures, part: str) -> None:
    """Take the figures of one part."""
    import torch

    if not torch.cuda.is_available():
        print(f"not taken: {part}; there is no GPU here")
        return
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        {"mfu": mfu, "strategies": strategies, "qlora": qlora}[part](figures, Path(folder))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        print(json.dumps(train(json.loads(sys.argv[2]), Path(os.environ["DVC_ROOT"]))))
    else:
        of_parts(__doc__, PARTS, take)
