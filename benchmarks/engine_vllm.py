"""The whole stage `evolve` on vLLM over bare `LLM.chat` on the same prompts, seeds and settings.

    python benchmarks/engine_vllm.py

Needs vLLM (see pyproject.toml); runs on a toy model that it makes. Both use one and the same engine,
in this process and started before, and ask in the same order: by length, too, a batch takes its time.
They take turns. What else the machine does only adds to a turn, so of each PART of the work the
fastest turn counts. No reply of the toy can be parsed, so what is done with a child is not in the figure.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

from figures import Figures

from evobuild.cli.check.all_params import Params, load_all_params
from evobuild.core import tables
from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.instructions import (
    INSTRUCTIONS,
    SEED_ROUND,
    Instruction,
    content_id,
    iterate_instructions,
    row_id,
)
from evobuild.core.uri import ChatModel
from evobuild.evolution import methods
from evobuild.models import vllm_engine, vllm_options
from evobuild.training import scratch
from evobuild.training.params import Scratch

ROOT = Path(__file__).parent.parent
PROMPTS = 2000
PART = 50
"""Prompts whose time is taken at once: a second or so."""

TURNS = 4
MAX_TOKENS = 128
MACHINE = "vllm: {max_num_seqs: 64, enforce_eager: true}\n"


def run(figures: Figures) -> None:
    """Take the figure; minutes on two cores."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        prompts = [
            methods.fill_method(methods.render_initial_method("e0"), _parent(each)) for each in range(200)
        ]
        toy = Scratch(vocabulary=2000, steps=20, batch=4, length=64, learning_rate=0.003)
        scratch.train_scratch_model(prompts, toy, 1, Path(folder) / "model")
        ratio = over_bare(ChatModel("vllm", f"{folder}/model", dtype="float32"), MACHINE)
    figures.at_most("evolve stage over bare LLM.chat, vLLM", ratio, 1.05, "x")


def over_bare(model: ChatModel, machine: str) -> float:
    """The seconds that the stage takes over those of bare vLLM. machine: the text of machine.yaml."""
    with own_folder(machine) as folder:
        tables.write(folder / "r0.parquet", tables.frame(INSTRUCTIONS, map(_parent, range(PROMPTS))))
        engine = vllm_engine.VllmEngine(model)
        try:
            ours, bare = _turns(folder, model, engine)
        finally:
            engine.close()
    return ours / bare


@contextmanager
def own_folder(machine: str) -> Iterator[Path]:
    """Have a project folder with this machine.yaml, and caches that hold nothing yet."""
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as path, mock.patch.dict(os.environ):
        Path(path, "machine.yaml").write_text(machine)
        os.environ |= {"DVC_ROOT": path, "EVOBUILD_STORE": f"{path}/store.sqlite"}
        yield Path(path)


def _turns(folder: Path, model: ChatModel, engine: vllm_engine.VllmEngine) -> tuple[float, float]:
    """The seconds that each takes undisturbed; who begins changes from turn to turn."""
    # An LLM around the engine that runs already: what is compared is what feeds it.
    with mock.patch.object(engine._vllm.LLMEngine, "from_engine_args", lambda **_: engine._engine):
        llm = engine._vllm.LLM(**vllm_options.engine_options(model, engine._given))
    settings = _params(model)
    requests = _requests(folder / "r0.parquet", settings)
    _chat(llm, engine, requests[:200])
    ours, bare = [], []
    for turn in range(TURNS):
        if turn % 2:
            ours.append(_time_calls(engine, lambda: _evolve(folder, settings, engine)))
        bare.append(_time_calls(engine, lambda: _chat(llm, engine, requests)))
        if turn % 2 == 0:
            ours.append(_time_calls(engine, lambda: _evolve(folder, settings, engine)))
        print(f"turn {turn}: evolve {sum(ours[-1]):.2f} s, LLM.chat {sum(bare[-1]):.2f} s", flush=True)
    fastest = [sum(map(min, zip(*turns, strict=True))) for turns in (ours, bare)]
    print(f"undisturbed: evolve {fastest[0]:.2f} s, LLM.chat {fastest[1]:.2f} s", flush=True)
    return fastest[0], fastest[1]


def _time_calls(engine: vllm_engine.VllmEngine, work: Callable[[], None]) -> list[float]:
    """The seconds that each PART of the prompts takes to be answered; last, what comes after all."""
    step, marks, finished = engine._engine.step, [time.monotonic()], 0

    def told() -> Any:
        nonlocal finished
        outputs = step()
        finished += sum(output.finished for output in outputs)
        while len(marks) <= finished // PART:
            marks.append(time.monotonic())
        return outputs

    with mock.patch.object(engine._engine, "step", told):
        work()
    marks.append(time.monotonic())
    return [after - before for before, after in pairwise(marks)]


def _requests(table: Path, settings: Params) -> list[Request]:
    """What the stage asks, in its order."""
    evolve, method = settings.evolve, methods.render_initial_method("e0")
    sampling = Sampling(evolve.temperature, evolve.top_p, MAX_TOKENS, seed=settings.random_seed)
    return [
        Request(parent.id, "evolve", (Message("user", methods.fill_method(method, parent)),), sampling)
        for parent in iterate_instructions(tables.read(table, INSTRUCTIONS))
    ]


def _chat(llm: Any, engine: vllm_engine.VllmEngine, requests: list[Request]) -> None:
    conversations = [[message._asdict() for message in request.messages] for request in requests]
    settings = [engine._sampling(request, MAX_TOKENS) for request in requests]
    outputs = llm.chat(conversations, settings, use_tqdm=False)
    assert len(outputs) == len(requests)


def _evolve(folder: Path, settings: Params, engine: vllm_engine.VllmEngine) -> None:
    from stages import evolve

    for file in folder.glob("store.sqlite*"):
        file.unlink()
    files = ("method", "child", "rejects", "failures", "replies", "counts")
    paths = {name: folder / name for name in files} | {"parents": folder / "r0.parquet"}
    with (
        # A toy model writes nonsense, and the stage refuses to end with rejects alone.
        mock.patch("evobuild.evolution.round_tables.refuse_empty"),
        mock.patch("evobuild.models.placement.start_engine", lambda model: engine),
        mock.patch.object(type(engine), "close"),
    ):
        evolve.main(settings, evolve.Arguments(round="r1", parent="r0", **paths))


def _params(model: ChatModel) -> Params:
    """Of the default line, with this model and short replies."""
    given = load_all_params(ROOT / "params.yaml")
    changes = {"max_tokens": MAX_TOKENS, "strategy": "auto", "method": "e0"}
    evolve = given.evolve.model_copy(update=changes)
    models = given.models.model_copy(update={"evolver": model})
    return given.model_copy(update={"evolve": evolve, "models": models})


def _parent(number: int) -> Instruction:
    text = f"Explain topic {number} to a child, " + "with care and an example, " * (number % 12)
    content = content_id((), text, "")
    own = row_id(SEED_ROUND, "", content)
    return Instruction(own, content, own, "", SEED_ROUND, "chat", (), text, "", "")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    found = Figures()
    run(found)
    found.print()
