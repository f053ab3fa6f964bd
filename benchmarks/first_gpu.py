"""Every path that a GPU takes, on small models: for whoever has one. Ten minutes at most.

    python benchmarks/first_gpu.py [PART...]

attention: PyTorch's variable-length kernel against attention with a mask, and its bits in other batches.
scoring: a model in bf16, packed, near to fp32 on the CPU, and in float32, which no kernel takes. training:
full tuning and LoRA, with gradient checkpointing, at the micro-batch that is found, near to the CPU's losses.
pairs: DPO. compiled: `training.compile`. spread: several GPUs, or without any two processes, learn as one.
vllm: an engine writes. quantized: QLoRA and 8-bit AdamW, or why they are refused.

Each part runs in a process of its own. Without CUDA it runs on the CPU, with a substitute that checks the
calls against the contract of the kernel (tests/support/strict_varlen.py), and says nothing of speed or
memory. A part whose packages are not installed is left out. Prints a table, names the file that an issue
needs, and prints, last, one JSON object: figure -> {"value", "must", "holds"}. benchmarks/training_gpu.py and
`python benchmarks/scale.py gpu` measure speed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import Figures, of_parts

ROOT = Path(__file__).parent.parent
SEARCHED = [str(ROOT), str(ROOT / "tests/support")]
SECONDS = 580
"""Of all parts together."""
REPORT = Path(tempfile.gettempdir()) / "evobuild-first-gpu.md"
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "vllm", "bitsandbytes", "deepspeed")
NEAR = 0.02
"""Of a loss, how far bf16 may be from fp32."""
PLAIN = "evobuild-plain"
"""Of the environment: train on the CPU in fp32, and print losses."""


def has_cuda() -> bool:
    """Whether there is a GPU."""
    import torch

    found: bool = torch.cuda.is_available()
    return found


def stand_in() -> None:
    """Without CUDA, run a GPU's code path on the CPU, with a strict substitute of its kernel."""
    if has_cuda():
        return
    import pytest
    import strict_varlen
    import trl

    patch = pytest.MonkeyPatch()
    strict_varlen.install(patch)
    for name in ("SFTConfig", "DPOConfig"):
        own = getattr(trl, name)
        patch.setattr(trl, name, lambda own=own, **given: own(**given | {"bf16": True}))


def attention() -> str:
    """Hold the kernel to attention with a mask, forward and back."""
    import torch

    from evobuild.weights import packing, varlen

    device = torch.device("cuda" if has_cuda() else "cpu")
    lengths = [5, 130, 1, 64, 300]
    worst = 0.0
    for size, window in ((8, None), (64, None), (64, 17), (128, 5), (256, None)):
        torch.manual_seed(size)
        parts = [torch.randn(1, count, sum(lengths), size, device=device) for count in (4, 2, 2)]
        halves = [each.bfloat16().requires_grad_() for each in parts]
        whole = [each.detach().float().cpu().requires_grad_() for each in halves]
        layout = packing.packed_layout(lengths, device)
        found = varlen.attend_on_gpu(
            varlen.Heads(*halves, None, window), layout["cu_seq_lens_q"], layout["max_length_q"]
        )
        wanted = packing.attend_one_by_one(varlen.Heads(*whole, None, window), lengths)
        found.float().sum().backward()
        wanted.sum().backward()
        pairs = [(found.float().cpu(), wanted)]
        pairs += [(own.grad.float().cpu(), each.grad) for own, each in zip(halves, whole, strict=True)]
        worst = max(worst, *(float((own - each).abs().max() / each.abs().max()) for own, each in pairs))
        # The last document by itself: as its bits are among others, where nothing splits its sums.
        last = packing.packed_layout(lengths[-1:], device)
        ends = [each.detach()[:, :, -lengths[-1] :] for each in halves]
        alone = varlen.attend_on_gpu(
            varlen.Heads(*ends, None, window), last["cu_seq_lens_q"], last["max_length_q"]
        )
        assert torch.equal(alone[0], found[0, -lengths[-1] :]), f"heads of {size}: bits depend on the batch"
    assert worst < NEAR, f"{worst:.3f} of the largest number beside attention with a mask"
    return f"within {worst:.4f} of attention with a mask; the same bits in any batch"


def scoring() -> str:
    """Score with a small model in bf16 and in float32."""
    import tiny

    from evobuild.core.uri import Weights
    from evobuild.weights import checkpoints
    from evobuild.weights.likelihood import Document, Reader

    given = [Document([(7 * place + step) % 290 + 6 for step in range(4 + 9 * place)], ((1, 4 + 9 * place),))
             for place in range(12)]  # fmt: skip
    weights = Weights(str(tiny.folder()))
    plain = dict(Reader(tiny.model().cpu(), pack=False).read(given))
    rough = Reader(checkpoints.load_causal_lm(weights, "bfloat16"))
    assert rough.packs, "bf16 is not read packed: the line above says why"
    found = dict(rough.read(given))
    off = max(abs(found[place][0] / plain[place][0] - 1) for place in plain)
    assert off < NEAR, f"losses {off:.3f} off those of fp32"
    assert dict(rough.read(given[:5])) == {place: found[place] for place in range(5)}, (
        "bits hang on the batch"
    )
    exact = Reader(checkpoints.load_causal_lm(weights, "float32"))
    assert exact.layout == "padded", f"float32 is read {exact.layout}"
    return f"bf16 packed, losses within {off:.4f} of fp32; float32 padded"


def tune_losses(folder: Path, machine: dict[str, Any], **fields: Any) -> list[float]:
    """Tune the tiny model, and give its losses."""
    import tunings

    os.environ["DVC_ROOT"] = str(folder)
    tunings.with_machine(folder, **machine)
    return tunings.losses(tunings.tune(folder / f"tuned-{time.monotonic_ns()}", epochs=2, **fields))


def plain_losses() -> list[float]:
    """The losses of a training on the CPU in fp32, in a process that sees no GPU; once for all parts."""
    known = Path(tempfile.gettempdir()) / f"evobuild-plain-{os.getppid()}.json"
    if not known.exists():
        environment = os.environ | {PLAIN: "1", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, __file__, "--part", "training"]
        ran = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        known.write_text(ran.stdout.splitlines()[-1])
    found: list[float] = json.loads(known.read_text())
    return found


def near(found: list[float], plain: list[float]) -> float:
    """How far losses are from those of fp32. Raises AssertionError if it is too far."""
    off = max(abs(own / each - 1) for own, each in zip(found, plain, strict=True))
    assert off < NEAR, f"losses {found} beside {plain} on the CPU"
    return off


def training() -> str:
    """Tune the tiny model in full and by LoRA, and by pairs."""
    with tempfile.TemporaryDirectory(prefix="evobuild-gpu-") as name:
        folder = Path(name)
        if PLAIN in os.environ:
            return json.dumps(tune_losses(folder, {"processes": 1}))
        plain = plain_losses()
        stand_in()
        machine = {"processes": 1, "gradient_checkpointing": True}
        off = near(tune_losses(folder, machine), plain)
        lora = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": "all-linear", "quantize": None}
        found = tune_losses(folder, machine, lora=lora)
        assert abs(found[0] / plain[0] - 1) < NEAR, f"LoRA begins at {found[0]}, {plain[0]} on the CPU"
    return f"losses within {off:.4f} of fp32 on the CPU; LoRA begins there"


def pairs() -> str:
    """Prefer answers, by DPO."""
    import tunings

    from evobuild.core.instructions import PreferencePair
    from evobuild.training import finetune

    stand_in()
    given = [PreferencePair(row, "I do not know.") for row in tunings.ROWS]
    with tempfile.TemporaryDirectory(prefix="evobuild-gpu-") as name:
        os.environ["DVC_ROOT"] = name
        tunings.with_machine(Path(name), processes=1, gradient_checkpointing=True)
        out = Path(name) / "tuned"
        out.mkdir()
        fields: dict[str, Any] = {"method": "dpo", "data": "autoif", "learning_rate": 0.001, "epochs": 3}
        tuned, _ = finetune.prefer_answers(given, tunings.tuning(**fields), out)
    found = tunings.losses(tuned)
    assert abs(found[0] - math.log(2)) < NEAR and found[-1] < found[0], found
    return f"loss {found[0]:.3f}, ln 2 of two models that are one, to {found[-1]:.3f}"


def compiled() -> str:
    """Tune with `training.compile`."""
    if not has_cuda():
        from evobuild.weights.varlen import bucketed_length

        lengths = sorted({bucketed_length(length) for length in range(1, 8193)})
        # What would be compiled for a CPU is another program.
        return f"rows of up to 8,192 tokens reach it as {len(lengths)} lengths; not compiled"
    plain = plain_losses()
    with tempfile.TemporaryDirectory(prefix="evobuild-gpu-") as name:
        off = near(tune_losses(Path(name), {"processes": 1, "compile": True}), plain)
    return f"losses within {off:.4f} of fp32 on the CPU"


def spread() -> str:
    """Tune on several GPUs, or processes, as on one."""
    import torch

    if has_cuda() and torch.cuda.device_count() < 2:
        return "left out: one GPU"
    plain = plain_losses()
    kinds = ["ddp"] + (["fsdp"] if has_cuda() else [])
    kinds += ["zero2", "zero3"] if has_cuda() and importlib.util.find_spec("deepspeed") else []
    with tempfile.TemporaryDirectory(prefix="evobuild-gpu-") as name:
        for kind in kinds:
            near(tune_losses(Path(name), {"processes": 2, "strategy": kind}), plain)
    return f"{', '.join(kinds)}: losses as on one"


def vllm() -> str:
    """Ask an engine of vLLM for a reply and a likelihood."""
    if importlib.util.find_spec("vllm") is None:
        return "left out: vllm is not installed"
    import tiny

    from evobuild.core.chat import Message, Request, Sampling
    from evobuild.core.machine import Machine, VllmOptions
    from evobuild.core.uri import ChatModel
    from evobuild.models.vllm_engine import VllmEngine

    options = VllmOptions(gpu_memory_utilization=0.3, max_num_seqs=8)
    model = ChatModel("vllm", str(tiny.folder()), dtype="bfloat16")
    engine = VllmEngine(model, Machine(vllm=options.model_dump()))
    messages = (Message("user", "Name three colours."),)
    engine.submit(Request("one", "respond", messages, Sampling(max_tokens=8)))
    reply = engine.collect()[0]
    engine.close()
    assert reply.choices, reply
    return f"{reply.prompt_tokens} tokens read, a reply written"


def quantized() -> str:
    """Tune an adapter on weights of 4 bits; without CUDA or bitsandbytes it is refused with a line."""
    from evobuild.core.errors import UserError

    lora = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": "all-linear", "quantize": 4}
    with tempfile.TemporaryDirectory(prefix="evobuild-gpu-") as name:
        try:
            found = tune_losses(Path(name), {"processes": 1}, lora=lora, optimizer="adamw_8bit")
        except UserError as error:
            usable = has_cuda() and importlib.util.find_spec("bitsandbytes")
            assert not usable, error
            return f"refused: {error}"
    assert found[-1] < found[0], found
    return f"loss {found[0]:.2f} to {found[-1]:.2f}"


PARTS = {
    each.__name__: each for each in (attention, scoring, training, pairs, compiled, spread, vllm, quantized)
}


def take(figures: Figures, part: str) -> None:
    """Run a part in a process of its own, and print its line of the table."""
    began = time.monotonic()
    left = max(10.0, SECONDS - (began - BEGAN))
    command = [sys.executable, __file__, "--part", part]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(SEARCHED)}
    try:
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=left, cwd=ROOT)
        held, lines, log = ran.returncode == 0, ran.stdout.splitlines(), ran.stderr
    except subprocess.TimeoutExpired as error:
        said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else error.stderr
        held, lines, log = False, [], f"{said or ''}\nended after {left:.0f} s"
    found = lines[-1] if held and lines else (log.strip().splitlines() or ["it said nothing"])[-1]
    where = "held" if has_cuda() else "no CUDA: checked by the contract"
    if found.startswith("left out"):
        where = "left out"
    line = f"| {part} | {where if held else 'DOES NOT HOLD'} | {found} | {time.monotonic() - began:.0f} s |"
    print(line, flush=True)
    ROWS.append(line)
    LOGS.append(f"## {part}\n\n```text\n{log[-6000:]}\n```\n")
    figures.at_least(f"{part}, {'on a GPU' if has_cuda() else 'without CUDA'}", held, 1, "held")
    REPORT.write_text("\n".join(["# First run on a GPU", "", *about(), "", *HEAD, *ROWS, "", *LOGS]))


def about() -> list[str]:
    """What an issue needs to know of the machine."""
    import platform

    import torch

    device = torch.cuda.get_device_name() if has_cuda() else "no CUDA"
    capability = ".".join(map(str, torch.cuda.get_device_capability())) if has_cuda() else "-"
    count = torch.cuda.device_count()
    found = [f"- {count} of {device}, capability {capability}, CUDA {torch.version.cuda}"]
    found.append(f"- Python {platform.python_version()}, {platform.platform()}")
    for name in LIBRARIES:
        if importlib.util.find_spec(name):
            found.append(f"- {name} {importlib.metadata.version(name)}")
    return found


BEGAN = time.monotonic()
HEAD = ["| part | | found | took |", "|---|---|---|---|"]
ROWS: list[str] = []
LOGS: list[str] = []

if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        sys.path[:0] = SEARCHED
        if PLAIN not in os.environ and sys.argv[2] in ("attention", "scoring"):
            stand_in()
        print(PARTS[sys.argv[2]]())
    else:
        print("\n".join([*about(), *HEAD]), flush=True)
        of_parts(__doc__, tuple(PARTS), take)
        print(f"for an issue: {REPORT}", file=sys.stderr)
