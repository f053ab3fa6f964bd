"""Fresh environments of the install lines, where nothing of this one and of the checkout is in sight."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import install_lines
import pytest
from install_lines import Line


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built."""
    return install_lines.build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def environments(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Line, Path]:
    """The programs of an environment for each line of README.md and for the first two of docs/install.md."""
    every = install_lines.lines_from_nothing()
    first = [line for line in every if "install.md" in line.pages][:2]
    chosen = [line for line in every if "README.md" in line.pages or line in first]
    folders = [tmp_path_factory.mktemp("environment") for _ in chosen]
    python = getattr(sys, "_base_executable", sys.executable)

    def install(line: Line, folder: Path) -> Path:
        return install_lines.install_fresh(line, wheel, python, folder)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(chosen, pool.map(install, chosen, folders), strict=True))


@pytest.fixture(scope="session")
def bare(environments: dict[Line, Path]) -> Path:
    """The programs of the environment with the wheel and no extra."""
    return next(programs for line, programs in environments.items() if not line.extras)


@pytest.fixture(scope="session")
def installed(environments: dict[Line, Path]) -> Path:
    """The programs of the environment in which everything runs on a CPU."""
    return next(programs for line, programs in environments.items() if {"train", "diversity"} <= line.extras)
