"""The whole line killed at random moments, and what is left of it after the next run.

    python benchmarks/firm.py kill

`dvc repro` of a small line runs in a process group of its own, which gets SIGKILL at a random moment, DVC and
stage alike; the next one goes on from there, until the line is whole, and another begins anew. Then every
out has to have the bytes of a line that nobody disturbed. DVC writes two files in place, dvc.lock and
.dvc/tmp/rwlock; a kill between may leave them cut. Such a file is counted, and what was whole before is put
back, or an empty lock removed, as a user would do. `evaluate`, which random moments seldom meet, is killed
between its replies as well.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml
from figures import Figures

SUPPORT = Path(__file__).parent.parent / "tests/support"
MOMENTS = 30
EVALUATIONS = 4
"""Kills of `evaluate`."""
SEED = 11
LEAST_REPLIES = 40
"""Replies that `evaluate` of a model asks for at least."""
SHARES = 0.03, 0.25
"""Of an undisturbed run's seconds, after which a run is killed."""


def run(figures: Figures) -> None:
    """Kill the line at MOMENTS moments, and count what differs then."""
    sys.path.insert(0, str(SUPPORT))
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        wanted_root = _line(Path(folder) / "undisturbed")
        _finish(wanted_root)
        seconds = time.monotonic() - began
        print(f"kill: an undisturbed line takes {seconds:.0f} s", flush=True)
        wanted, differing = outs(wanted_root), set[str]()
        kill_evaluate(figures, wanted_root, EVALUATIONS)
        draw, killed, cut = random.Random(SEED), Counter[str](), Counter[str]()
        for chain in range(MOMENTS):
            if killed.total() == MOMENTS:
                break
            root = _line(Path(folder) / f"chain{chain}")
            while killed.total() < MOMENTS and not _finishes(
                root, seconds * draw.uniform(*SHARES), killed, cut
            ):
                pass
            _finish(root)
            found = outs(root)
            paths = wanted.keys() | found.keys()
            differing |= {path for path in paths if wanted.get(path) != found.get(path)}
            print(f"kill: {killed.total()} kills, outs that differ: {sorted(differing)}", flush=True)
    print(f"kill: killed in {dict(killed)}; cut by it {dict(cut)}", flush=True)
    figures.at_least("kill: moments at which the whole line was killed", killed.total(), MOMENTS, "")
    figures.at_least("kill: different stages among them", len(killed), 10, "")
    figures.at_most("kill: outs that differ from an undisturbed line", len(differing), 0, "")


def kill_evaluate(figures: Figures, root: Path, kills: int) -> None:
    """Kill `evaluate` of a built line at some of its replies, and count outs that differ when it is done."""
    import workspace

    wanted = outs(root)
    for file in (root / ".evobuild").glob("replies.sqlite*"):
        file.unlink()
    command = ["dvc", "repro", "--force", "--single-item", "evaluate@base"]
    moments, killed = sorted(random.Random(SEED).sample(range(1, LEAST_REPLIES), kills)), 0
    for moment in moments:
        process = subprocess.Popen(
            command, cwd=root, env=workspace.environment(), stdout=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None and workspace.stored(root) < moment:
            time.sleep(0.01)
        killed += process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        while stages_in(root):
            time.sleep(0.01)
        (root / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    print(f"kill: evaluate was killed {killed} times, with {workspace.stored(root)} replies kept", flush=True)
    workspace.run(root, *command)
    found = outs(root)
    differing = [path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path)]
    figures.at_least("kill: moments at which evaluate was killed", killed, kills, "")
    figures.at_most("kill: outs that differ after evaluate was killed", len(differing), 0, "")


def _line(root: Path) -> Path:
    """A clone with few rows and all stages."""
    import workspace

    return workspace.make(root, {key: part for key, part in workspace.SMALL.items() if key != "models"})


def _finish(root: Path) -> None:
    """Build a line that nobody disturbs."""
    if not _finishes(root, 1800, Counter(), Counter()):
        raise RuntimeError("dvc repro takes more than half an hour")


def _finishes(root: Path, seconds: float, killed: Counter[str], cut: Counter[str]) -> bool:
    """Build a line until it is whole, or kill all of it after some seconds."""
    import workspace

    whole = (root / "dvc.lock").read_bytes() if (root / "dvc.lock").exists() else None
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=root,
        env=workspace.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        at_work = stages_in(root)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        killed[next(iter(at_work), "dvc")] += 1
        while stages_in(root):
            time.sleep(0.01)
        _mend(root, whole, cut)
        return False
    if process.returncode:
        raise RuntimeError(f"dvc repro failed after a kill: {error.decode()[-2000:]}")
    return True


def _mend(root: Path, whole: bytes | None, cut: Counter[str]) -> None:
    """Put back what DVC itself writes in place, where the kill left half of it."""
    rwlock, lock = root / ".dvc/tmp/rwlock", root / "dvc.lock"
    if rwlock.exists() and not is_whole(rwlock.read_bytes()):
        cut["rwlock"] += 1
        rwlock.unlink()
    if lock.exists() and not is_whole(lock.read_bytes()):
        cut["dvc.lock"] += 1
        lock.write_bytes(whole) if whole else lock.unlink()


def is_whole(content: bytes) -> bool:
    """Whether a file of DVC's can be read and is not empty."""
    try:
        return isinstance(yaml.safe_load(content), dict)
    except yaml.YAMLError:
        return False


def stages_in(root: Path) -> list[str]:
    """The stages at work in a clone."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            if (process / "cwd").resolve() == root.resolve():
                found += [word for word in words if word.startswith("stages.")]
        except OSError:
            continue
    return found


def outs(root: Path) -> dict[str, bytes]:
    """The content of every file among a line's outs."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    found: dict[str, bytes] = {}
    for stage in lock["stages"].values():
        for path in (root / out["path"] for out in stage.get("outs", [])):
            files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
            found |= {str(file.relative_to(root)): file.read_bytes() for file in files}
    return found


if __name__ == "__main__":
    taken = Figures()
    run(taken)
    taken.print()
