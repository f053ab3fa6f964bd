"""Two of Ray's workers on this machine over one process, with an engine that keeps a core busy.

    python benchmarks/scale.py workers

Each generates the same replies with transformers from a toy model, on one thread. They take turns, each on a
fresh reply cache and with its engines running. The fastest turn of each counts: what else the machine does
only adds to one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figures import Figures

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model
from evobuild.training import scratch
from evobuild.training.params import Scratch

ROOT = Path(__file__).parent.parent
REQUESTS = 4800
MAX_TOKENS = 64
TURNS = 3
MACHINES = {
    "one process": "transformers: {batch: 16}\n",
    "two workers": "transformers: {batch: 16}\nray: {replicas: 2, engines: [transformers]}\n",
}
TEXTS = ("Name three colours.\nRed, green and blue.", "Add two and five.\nTwo and five make seven.")


def run(figures: Figures) -> None:
    """Take the figure; minutes on two cores."""
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as path:
        folder = Path(path)
        toy = Scratch(vocabulary=300, steps=40, batch=4, length=48, learning_rate=0.003)
        scratch.train_scratch_model(TEXTS, toy, 1, folder / "model")
        seconds: dict[str, list[float]] = {name: [] for name in MACHINES}
        tables = set()
        for turn in range(TURNS):
            for name in MACHINES:
                root = folder / f"{name}-{turn}"
                root.mkdir()
                (root / "machine.yaml").write_text(MACHINES[name])
                seconds[name].append(_turn(folder / "model", root))
                tables.add((root / "replies").read_bytes())
            print(f"turn {turn}: " + ", ".join(f"{name} {took[-1]:.2f} s" for name, took in seconds.items()))
    one, two = (min(took) for took in seconds.values())
    figures.at_least("two Ray workers over one process, CPU-bound engine", one / two, 1.8, "x")
    figures.at_most("different tables of replies, one process and two workers", len(tables), 1, "")


def _turn(model: Path, root: Path) -> float:
    """The seconds of all requests, in a process of its own."""
    given = os.environ | {"DVC_ROOT": str(root), "EVOBUILD_STORE": str(root / "store.sqlite")}
    given |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, str(model), str(root / "replies")]
    return float(subprocess.run(command, env=given, check=True, capture_output=True, text=True).stdout)


def requests() -> Iterator[Request]:
    """Distinct questions, half of them sampled."""
    for number in range(REQUESTS):
        sampling = Sampling(temperature=0.8 * (number % 2), max_tokens=MAX_TOKENS, seed=number)
        yield Request(f"q{number:04}", "respond", (Message("user", f"Question {number}."),), sampling)


def ask(model: Path, replies: Path) -> float:
    """Ask all, write the replies down, and give the seconds that it took once the engines ran."""
    with Model(ChatModel("transformers", str(model))) as client:
        client.started_engine()
        began = time.monotonic()
        found = sorted((each.key, each.text, each.error) for each in client.generate(requests()))
        took = time.monotonic() - began
    replies.write_text(repr(found))
    return took


if __name__ == "__main__":
    print(ask(Path(sys.argv[1]), Path(sys.argv[2])))
