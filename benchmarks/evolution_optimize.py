"""Whether the loop of Auto Evol-Instruct finds better methods, and how fast it is, with simulated models.

    python benchmarks/evolution_optimize.py

Run in the repository. λ is measured on rows that the loop never drew. There are two null controls:
an optimizer that gives every method back unchanged, and one that adds a line of no use, so that
candidates differ by luck alone and the lucky ones are chosen. Time is that of the stage alone, in a
process of its own, with an empty reply cache, and with all ten steps made. Nothing here says
anything about a real model.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from unittest import mock

import yaml
from figures import Figures

from evobuild.cli.check.all_params import Params, load_all_params
from evobuild.core import tables
from evobuild.core.chat import Sampling
from evobuild.core.instructions import INSTRUCTIONS, Instruction, content_id, row_id
from evobuild.evolution import methods, optimize
from evobuild.evolution.method_evaluation import MethodEvaluator
from evobuild.models.client import Model
from evobuild.simulation.rng import Rng
from evobuild.simulation.words import ENGLISH, new_instruction

ROOT = Path(__file__).parent.parent
ROWS = 4000
"""Of these the loop draws half, the 2,000 of its pool."""
UNSEEN = 1000
SEEDS = 5


def made_rows(count: int) -> list[Instruction]:
    """Distinct seed rows of three domains, made up."""
    rng, texts = Rng(0), dict[str, str]()
    while len(texts) < count:
        for domain in ("chat", "math", "code"):
            texts.setdefault(new_instruction(ENGLISH, domain, rng), domain)
    return [_row(text, domain) for text, domain in list(texts.items())[:count]]


def _row(text: str, domain: str) -> Instruction:
    content = content_id((), text, "")
    own = row_id("r0", "", content)
    return Instruction(own, content, own, "", "r0", domain, (), text, "", "")


def unchanged(traits: object, prompt: str, rng: Rng) -> tuple[str, str]:
    """An optimizer that gives the method of its prompt back as it was."""
    return f"```Optimized Method\n{prompt.rpartition('#Method#:')[2].strip()}\n```", "stop"


def numbered(traits: object, prompt: str, rng: Rng) -> tuple[str, str]:
    """An optimizer that puts a number above the method and leaves it as it was."""
    method = prompt.rpartition("#Method#:")[2].strip()
    return f"```Optimized Method\nNumber {rng.below(10**6)}\n{method}\n```", "stop"


def rates(given: Params, rows: list[Instruction], seed: int) -> tuple[float, float]:
    """λ of e0 and of e* on rows that the loop did not draw."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "r0.parquet")
        tables.write(table, tables.frame(INSTRUCTIONS, rows))
        drawn = optimize.read_optimization_rows(table, given.optimize, seed)
    seen = {row.id for part in drawn for row in part}
    unseen = [row for row in rows if row.id not in seen][:UNSEEN]
    with (
        own_store(),
        Model(given.models.evolver, "evolver") as evolver,
        Model(given.models.optimizer, "optimizer") as optimizer,
    ):
        sampling = Sampling(
            given.optimize.evolver_temperature, max_tokens=given.optimize.max_tokens, seed=seed
        )
        evaluator = MethodEvaluator(evolver, None, sampling, given.evolve.failures)
        loop = optimize.Optimizer(evaluator, optimizer, given.optimize, drawn, seed)
        history = loop.run(methods.render_initial_method(given.optimize.initial))
        best = history.best
        assert best is not None
        evaluations = evaluator.evaluate({0: history.candidates[0].method, 1: best.method}, unseen)
    before, after = (len(evaluations[number].failed) / len(unseen) for number in (0, 1))
    drop = f"{history.candidates[0].evaluation.failure_rate:.2f} -> {best.evaluation.failure_rate:.2f}"
    print(
        f"seed {seed}: e* of step {best.step}, {best.words} words, λ {drop} on the rows that chose it, "
        f"{before:.3f} -> {after:.3f} on unseen ones",
        flush=True,
    )
    return before, after


@contextmanager
def own_store() -> Iterator[None]:
    """An empty reply cache until the end of the block."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, EVOBUILD_STORE=f"{folder}/replies.sqlite"),
    ):
        yield


def seconds(given: Path, rows: list[Instruction], changes: dict[str, object]) -> float:
    """Seconds that the stage takes from nothing, with changed params of its section."""
    values = yaml.safe_load(given.read_text(encoding="utf-8"))
    values["optimize"] |= changes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "prompts", folder / "prompts")
        (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        tables.write(folder / "r0", tables.frame(INSTRUCTIONS, rows))
        command = [sys.executable, "-m", "stages.optimize", "--r0", "r0", "--own", values["evolve"]["file"]]
        for out in ("method", "candidates", "trajectories", "failures", "metrics", "curve", "counts"):
            command += [f"--{out}", f"out/{out}"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "EVOBUILD_STORE": str(folder / "store")}
        began = time.monotonic()
        subprocess.run(command, cwd=folder, env=environment, check=True, stderr=subprocess.DEVNULL)
        return time.monotonic() - began


def run(figures: Figures) -> None:
    """Take the loop's figures."""
    file = ROOT / "params.yaml"
    given, rows = load_all_params(file), made_rows(ROWS)
    found = [rates(given, rows, seed) for seed in range(SEEDS)]
    figures.at_least(
        "optimize: seeds with lower λ on unseen rows", sum(b < a for a, b in found), SEEDS, "seeds"
    )
    figures.at_least("optimize: mean drop of λ there", fmean(1 - b / a for a, b in found), 0.3, "of λ(e0)")
    for optimizer, most in ((unchanged, 0), (numbered, 0.05)):
        with mock.patch.dict("evobuild.simulation.PARTS", improve=optimizer):
            found = [rates(given, rows, seed) for seed in range(SEEDS)]
        name = f"optimize: mean change, optimizer that leaves methods {optimizer.__name__}"
        figures.at_most(name, abs(fmean(1 - b / a for a, b in found)), most, "of λ(e0)")
    every_step = {"incumbent": False, "patience": given.optimize.steps}
    figures.at_most("optimize: default sizes, cold", seconds(file, rows, every_step), 10, "s")


if __name__ == "__main__":
    taken = Figures()
    run(taken)
    taken.print()
