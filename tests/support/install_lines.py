"""The install lines of README.md and docs/, each run in a fresh environment with nothing else on its path.

A line from nothing names the wheel by its path, which is replaced by that of the built wheel:

    pip install 'evobuild[train,diversity] @ file:///path/to/evobuild-0.9.0-py3-none-any.whl'

An added line names an extra of the evobuild that is installed already: `pip install 'evobuild[s3]'`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import patience
from workspace import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TORCH = "torch==2.13.0"
"""Installed before a line that needs torch, as docs/install.md says: spelled so that a CPU build is taken."""
NEED_TORCH = {"train", "diversity", "lm-eval", "quantized", "deepspeed", "vllm"}
SECONDS = 1500
_WHEEL = re.compile(r"/path/to/evobuild-[\w.]+-py3-none-any\.whl")
_FROM_NOTHING = re.compile(r"^(?:uv )?pip install .*\.whl.*$", re.MULTILINE)
_ADDED = re.compile(r"pip install 'evobuild\[[\w,-]+\]'")
_EXTRAS = re.compile(r"evobuild\[([\w,-]+)\]")


class Line(NamedTuple):
    """An install line, as the pages have it, and those that do."""

    command: str
    pages: tuple[str, ...]

    @property
    def extras(self) -> frozenset[str]:
        """The extras that it names."""
        return frozenset(name for found in _EXTRAS.findall(self.command) for name in found.split(","))

    @property
    def needs_torch(self) -> bool:
        """Whether one of its extras brings torch."""
        return bool(self.extras & NEED_TORCH)

    def of(self, wheel: Path) -> str:
        """The command with the path of a wheel."""
        return _WHEEL.sub(str(wheel), self.command)


def lines_from_nothing() -> list[Line]:
    """The lines that begin with the wheel, each once, in order of the pages."""
    return _collect(_FROM_NOTHING)


def added_lines() -> list[Line]:
    """The lines that add extras to the installed evobuild, each once."""
    return _collect(_ADDED)


def _collect(pattern: re.Pattern[str]) -> list[Line]:
    found: dict[str, list[str]] = {}
    for page in PAGES:
        for command in pattern.findall(page.read_text(encoding="utf-8")):
            found.setdefault(command.partition("  #")[0].strip(), []).append(page.name)
    return [Line(command, tuple(dict.fromkeys(pages))) for command, pages in found.items()]


def build_wheel(folder: Path) -> Path:
    """Build the wheel into a folder."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    patience.run(command, SECONDS, check=True)
    [built] = folder.glob("*.whl")
    return built


def clean_environment(programs: Path | None, home: Path) -> dict[str, str]:
    """Variables that know of no environment but one. programs: its folder bin; None: none is activated."""
    return {
        "PATH": f"{programs}:/usr/bin:/bin" if programs else "/usr/bin:/bin",
        "HOME": str(home), "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org",
    }  # fmt: skip


def run(command: str, programs: Path, folder: Path, *, expect: int = 0) -> str:
    """Run a shell command in an activated environment and a folder; give what it printed."""
    return _run(command, clean_environment(programs, folder), folder, expect)


def _run(command: str, environment: dict[str, str], folder: Path, expect: int = 0) -> str:
    done = patience.run(
        ["bash", "-c", command], SECONDS, cwd=folder, env=environment,
        stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout[-6000:]}"
    return done.stdout


def make_environment(python: str, folder: Path) -> Path:
    """Make an environment with nothing but pip; give its folder bin."""
    patience.run([python, "-m", "venv", folder], SECONDS, check=True)
    return folder / "bin"


def install(command: str, programs: Path) -> None:
    """Run an install line in an environment, with pip's settings and cache, without byte code."""
    settings = {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_CERT_"))
    }
    if command.startswith("uv ") and (uv := shutil.which("uv")):
        settings["PATH"] = f"{programs}:{Path(uv).parent}:/usr/bin:/bin"
    settings |= {"PIP_NO_COMPILE": "1", "PIP_QUIET": "1", "VIRTUAL_ENV": str(programs.parent)}
    _run(command, clean_environment(programs, Path.home()) | settings, programs.parent)


def install_fresh(line: Line, wheel: Path, python: str, folder: Path) -> Path:
    """Run a line from nothing in a fresh environment; give the environment's folder bin."""
    programs = make_environment(python, folder)
    if line.needs_torch:
        install(f"pip install {TORCH}", programs)
    install(line.of(wheel), programs)
    return programs


def foreign_paths(programs: Path, folder: Path) -> list[str]:
    """Where Python looks for modules, beside its own standard library and this environment."""
    script = "import sys, sysconfig; print(sysconfig.get_path('stdlib')); print(*sys.path[1:], sep='\\n')"
    own, *found = run(f'python -I -c "{script}"', programs, folder).split("\n")
    roots = (own, str(programs.parent), f"{own.rstrip('0123456789.')}")
    return [path for path in found if path and not path.startswith(roots)]


def build_project(line: Line, programs: Path, folder: Path) -> Path:
    """Go the main path of a line: a new project to its report, data alone where no model can be tuned."""
    whole = {"train", "diversity"} <= line.extras
    run(f"evobuild init my-data{'' if whole else ' --preset data-only'}", programs, folder)
    run("evobuild repro", programs, folder / "my-data")
    assert (folder / "my-data/data/report.html").stat().st_size > 10_000
    return folder / "my-data"


def required_modules(extras: frozenset[str]) -> Iterator[str]:
    """The modules that the code requires of extras, as it names them in `require`, and DVC's own remotes."""
    call = re.compile(r'require\("([\w.]+)", (EXTRA|"[\w-]+")\)')
    for path in sorted((ROOT / "evobuild").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        own = re.search(r'^EXTRA = ("[\w-]+")', text, re.MULTILINE)
        for module, extra in call.findall(text):
            name = own[1] if own and extra == "EXTRA" else extra
            yield from [module] if name.strip('"') in extras else []
    yield from (f"dvc_{extra}" for extra in sorted(extras & {"gs", "s3", "ssh"}))
