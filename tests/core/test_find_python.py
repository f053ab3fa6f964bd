"""`python3 -m stages.…` finds the Python that has the library, or says in a line what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import patience
import pytest
from workspace import ROOT


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python without any library."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    return folder / "bin"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the stages and the library, and no `.venv`."""
    for name in ("stages", "evobuild"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(bare: Path, here: Path, *started_by: str) -> subprocess.CompletedProcess[str]:
    """Have a stage shown its help by the bare `python3`, from another program as DVC does it."""
    script = "import subprocess; subprocess.run('exec python3 -m stages.seed --help', shell=True, check=True)"
    environment = {"PATH": f"{bare}:/usr/bin:/bin", "HOME": str(here)}
    return patience.run([*started_by, "-c", script], cwd=here, env=environment)


def test_the_python_that_runs_dvc_takes_over(bare: Path, here: Path) -> None:
    assert "--held-out PATH" in run(bare, here, sys.executable).stdout


def test_else_that_of_the_folder_does(bare: Path, here: Path) -> None:
    (here / ".venv/bin").mkdir(parents=True)
    launcher = here / ".venv/bin/python"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    launcher.chmod(0o755)
    assert "--held-out PATH" in run(bare, here, str(bare / "python")).stdout


def test_where_there_is_none_a_line_says_what_to_do(bare: Path, here: Path) -> None:
    done = run(bare, here, str(bare / "python"))
    said = [line for line in done.stderr.splitlines() if line.startswith("stages: ")]
    assert said == [
        "stages: no Python here has evobuild; activate the environment that it is installed in, or put that "
        "into .venv"
    ]
    assert "ModuleNotFoundError" not in done.stderr


def test_a_python_that_has_the_library_goes_on(here: Path) -> None:
    done = run(Path(sys.executable).parent, here, "/usr/bin/env", "python3")
    assert "--held-out PATH" in done.stdout
    assert "EVOBUILD_PYTHONS_TRIED" not in os.environ
