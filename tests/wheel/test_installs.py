"""Install lines in fresh environments: what each runs, and what is said where an extra is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import install_lines
import pytest
from install_lines import Line, run


@pytest.fixture(scope="module")
def data_only(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of data alone, built from nothing to its report with the wheel and no extra."""
    home = tmp_path_factory.mktemp("home")
    return install_lines.build_project(Line("", ()), bare, home)


def test_nothing_else_is_on_the_path(environments: dict[Line, Path], tmp_path: Path) -> None:
    for line, programs in environments.items():
        assert install_lines.foreign_paths(programs, tmp_path) == [], line
        run("pip check", programs, tmp_path)
    assert sys.prefix not in {str(programs.parent) for programs in environments.values()}


def test_the_wheel_alone_builds_data_to_its_report(data_only: Path) -> None:
    assert (data_only / "data/dataset.parquet").is_file() and (data_only / "data/export/README.md").is_file()


@pytest.mark.parametrize("command", ["repro", "preview -n 1", "models"])
def test_a_missing_extra_is_named_before_anything_is_asked(bare: Path, tmp_path: Path, command: str) -> None:
    said = run("evobuild init mine", bare, tmp_path)
    assert "pip install 'evobuild[train,diversity]'" in said
    said = run(f"evobuild {command}", bare, tmp_path / "mine", expect=1)
    assert "evobuild[train" in said and "Traceback" not in said
    assert not (tmp_path / "mine/data/rounds").exists() and not (tmp_path / "mine/.evobuild/replies").exists()


def test_an_extra_that_is_added_makes_nothing_stale(bare: Path, data_only: Path, tmp_path: Path) -> None:
    [line] = [each for each in install_lines.added_lines() if each.extras == {"eval"}]
    install_lines.install(line.command, bare)
    modules = ", ".join(sorted({*install_lines.required_modules(line.extras)}))
    run(f"python -c 'import {modules}'", bare, tmp_path)
    assert "nothing to upgrade" in run("evobuild upgrade --check", bare, data_only)
    assert "Data and pipelines are up to date." in run("evobuild repro", bare, data_only)
