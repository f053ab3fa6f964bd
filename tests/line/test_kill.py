"""Killing DVC, a stage or both at any moment costs no row and no reply, and leaves no process behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import patience
import pytest
import workspace

ROWS = 4000
TARGET = "respond@r1"
KILLS = 6
TABLES = ("data/rounds/r0.parquet", "data/rounds/r1.parquet", "data/responses/r1.parquet", "data/method.txt")

THINGS = (
    "river",
    "budget",
    "garden",
    "sorting routine",
    "treaty",
    "recipe",
    "telescope",
    "novel",
    "bridge",
    "tax",
)
ASKS = (
    "Explain how to plan a",
    "Write a function about a",
    "Compare two kinds of",
    "Summarise the history of a",
)


def many_rows(path: Path) -> Path:
    """Enough rows that a kill may fall inside a stage's work."""
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as stream:
        for number in range(ROWS):
            text = f"{draw.choice(ASKS)} {draw.choice(THINGS)} for case {number} of {draw.randrange(10**6)}."
            stream.write(json.dumps({"instruction": text, "output": f"Answer {number}."}) + "\n")
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return many_rows(tmp_path_factory.mktemp("source") / "seeds.jsonl")


def prepared(root: Path, source: Path) -> Path:
    changes = workspace.SMALL | {"seed": {"source": str(source), "rows": None, "held_out": 0.01}}
    return workspace.make(root, changes)


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = prepared(tmp_path_factory.mktemp("undisturbed"), source)
    workspace.run(root, "dvc", "repro", TARGET)
    return root


@contextmanager
def repro(root: Path, shell: str | None = "/bin/sh") -> Iterator[subprocess.Popen[bytes]]:
    """A running `dvc repro`, in a session of its own; whatever is left of it is killed at the end."""
    environment = workspace.environment()
    environment.pop("SHELL", None)
    if shell is not None:
        environment["SHELL"] = shell
    process = subprocess.Popen(
        ["dvc", "repro", TARGET],
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        patience.wait(process)
        kill(root, process, "stage")


def stages_in(root: Path) -> list[int]:
    """Process ids of stages at work in a clone."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (
                b"stages." in (folder / "cmdline").read_bytes()
                and (folder / "cwd").resolve() == root.resolve()
            ):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def wait_for_stage(root: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a stage is at work; False if the repro has ended without."""
    return bool(patience.until(lambda: process.poll() is not None or stages_in(root)) and stages_in(root))


def wait_for_none(root: Path) -> bool:
    return patience.until(lambda: not stages_in(root), 5)


def kill(root: Path, process: subprocess.Popen[bytes], whom: str) -> None:
    if whom in ("dvc", "both"):
        process.send_signal(signal.SIGKILL)
    if whom in ("stage", "both"):
        for pid in stages_in(root):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


@pytest.mark.parametrize("shell", ["/bin/sh", None])
def test_a_stage_dies_with_dvc(source: Path, tmp_path: Path, shell: str | None) -> None:
    root = prepared(tmp_path, source)
    with repro(root, shell) as process:
        assert wait_for_stage(root, process)
        process.send_signal(signal.SIGKILL)
        patience.wait(process)
        assert wait_for_none(root)


def test_kills_at_any_moment_change_no_table_and_ask_nothing_again(
    source: Path, undisturbed: Path, tmp_path: Path
) -> None:
    root = prepared(tmp_path, source)
    draw = random.Random(7)
    killed = 0
    workspace.run(root, "dvc", "repro", "check")
    written_in_place = (root / "dvc.lock", root / ".dvc/tmp/rwlock")
    for number in range(KILLS):
        whole, whom = [path.read_bytes() for path in written_in_place], ("dvc", "stage", "both")[number % 3]
        with repro(root) as process:
            if not wait_for_stage(root, process):
                break
            time.sleep(draw.uniform(0, 1.5))
            kill(root, process, whom)
            killed += patience.wait(process) != 0
            assert wait_for_none(root)
        # DVC writes its locks in place: killed meanwhile it leaves half a file; one takes the last whole one.
        if whom != "stage":
            for path, content in zip(written_in_place, whole, strict=True):
                path.write_bytes(content)
    assert killed >= 3
    before = workspace.stored(root)
    # Usage is cumulative over interrupted runs; what those had spent is not asked now.
    shutil.rmtree(root / ".evobuild/progress", ignore_errors=True)
    workspace.run(root, "dvc", "repro", TARGET)
    calls = sum(
        purpose["calls"]
        for path in (root / ".evobuild/progress").glob("*.json")
        for purpose in json.loads(path.read_text())["purposes"].values()
    )
    assert calls == workspace.stored(root) - before
    for name in TABLES:
        assert (root / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert not list((root / "data").rglob("*.partial"))
