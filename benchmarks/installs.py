"""Every install line of README.md and docs/, in fresh environments, and the main path of each to the report.

    python benchmarks/installs.py [<python> …]      # those that are tried; without any, this one

Prints a table for docs/install.md, and last how many lines pass. Lines that need torch are tried on Python
3.11 alone, with torch installed before them: a CPU build for others may be missing, CUDA takes gigabytes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

import install_lines
from install_lines import Line

GPU = {"vllm": "a GPU and gigabytes of CUDA", "deepspeed": "a CUDA compiler", "quantized": "a GPU"}
"""Extras that are not tried here, and what they want."""


class Tried(NamedTuple):
    """A line on one Python. found: "passes", or what went wrong."""

    line: str
    python: str
    found: str
    seconds: float


def main() -> None:
    """Try all lines on some Pythons."""
    pythons = sys.argv[1:] or [getattr(sys, "_base_executable", sys.executable)]
    done: list[Tried] = []
    with tempfile.TemporaryDirectory(prefix="installs-") as folder:
        wheel = install_lines.build_wheel(Path(folder, "dist"))
        for number, python in enumerate(pythons):
            for tried in try_python(python, wheel, Path(folder, str(number))):
                print(f"{tried.found:.300}  {tried.python}  {tried.line}", file=sys.stderr)
                done.append(tried)
    today = datetime.now(UTC).date()
    print("| line | Python | found | seconds |\n|---|---|---|---|")
    for each in done:
        passed = f"passes, {today}" if each.found == "passes" else each.found.splitlines()[0][:120]
        print(f"| `{each.line}` | {each.python} | {passed} | {each.seconds:.0f} |")
    counted = [each for each in done if not each.found.startswith("not tried")]
    passed = sum(each.found == "passes" for each in counted)
    figure = {"value": passed, "must": len(counted), "holds": passed == len(counted)}
    print(json.dumps({"install lines that pass": figure}))


def try_python(python: str, wheel: Path, folder: Path) -> Iterator[Tried]:
    """Try every line on one Python: those from nothing, then those that add to the wheel alone."""
    said = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout
    version = said.split()[1]
    alone: Path | None = None
    folder.mkdir()

    def install_from_nothing(line: Line, place: Path) -> None:
        nonlocal alone
        programs = install_lines.install_fresh(line, wheel, python, place / "environment")
        assert install_lines.foreign_paths(programs, place) == []
        install_lines.run("pip check", programs, place)
        alone = alone or (None if line.extras else programs)
        install_lines.build_project(line, programs, place)

    def list_added(line: Line, place: Path) -> None:
        assert alone is not None, "the wheel alone was not installed"
        programs = copy_environment(alone, place / "environment")
        if line.needs_torch:
            install_lines.install(f"python -m pip install {install_lines.TORCH}", programs)
        install_lines.install(f"python -m {line.command}", programs)
        modules = ", ".join(sorted({*install_lines.required_modules(line.extras)}))
        install_lines.run(f"python -c 'import {modules}'" if modules else "true", programs, place)
        install_lines.run("python -m pip check", programs, place)

    works: list[tuple[Line, Callable[[Line, Path], None]]] = []
    works += [(line, install_from_nothing) for line in install_lines.lines_from_nothing()]
    works += [(line, list_added) for line in install_lines.added_lines()]
    for number, (line, work) in enumerate(works):
        began = time.monotonic()
        place = folder / str(number)
        place.mkdir()
        found = f"not tried: {reason}" if (reason := why_not(line, version)) else outcome(work, line, place)
        yield Tried(line.command, version, found, time.monotonic() - began)


def why_not(line: Line, version: str) -> str:
    """Why a line is not tried here; '' if it is."""
    if wanted := [GPU[extra] for extra in sorted(line.extras) if extra in GPU]:
        return f"wants {wanted[0]}"
    if line.command.startswith("uv ") and shutil.which("uv") is None:
        return "no uv here"
    if line.needs_torch and not version.startswith("3.11."):
        return "no CPU build of torch at hand"
    return ""


def outcome(work: Callable[[Line, Path], None], line: Line, place: Path) -> str:
    """Try a line; say that it passes, or what went wrong."""
    try:
        work(line, place)
    except (AssertionError, subprocess.SubprocessError) as error:
        return f"fails: {error}"
    return "passes"


def copy_environment(programs: Path, folder: Path) -> Path:
    """Copy an environment by links; its Python then belongs to the copy, its other programs do not."""
    subprocess.run(["cp", "-al", programs.parent, folder], check=True)
    return folder / "bin"


if __name__ == "__main__":
    main()
