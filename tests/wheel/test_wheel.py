"""The wheel in an environment of its own, outside the repository: a project is begun, and built whole."""

from __future__ import annotations

from pathlib import Path

import patience
import pytest
from install_lines import clean_environment

SECONDS = 1500


@pytest.fixture(scope="module")
def own(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project, built from nothing to its report."""
    home = tmp_path_factory.mktemp("home")
    run(home, installed / "evobuild", "init", "my-data")
    run(home / "my-data", installed / "dvc", "repro")
    return home / "my-data"


def run(folder: Path, *command: Path | str, expect: int = 0) -> str:
    """Run a program where no environment is activated, and give what it printed."""
    done = patience.run(
        command, SECONDS, cwd=folder,
        env=clean_environment(None, folder.parent) | {"DVC_SITE_CACHE_DIR": f"{folder}/.evobuild/dvc"},
    )  # fmt: skip
    assert done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def test_the_package_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    found = run(tmp_path, installed / "python", "-c", "import evobuild; print(evobuild.__file__)")
    assert Path(found.strip()).is_relative_to(installed.parent)
    assert run(tmp_path, installed / "evobuild", "--version").startswith("evobuild ")


@pytest.mark.parametrize("command", ["plan", "models", "repro", "upgrade"])
def test_outside_a_project_a_line_says_so(installed: Path, tmp_path: Path, command: str) -> None:
    said = run(tmp_path, installed / "evobuild", command, expect=1)
    assert said.count("\n") == 1 and "no such file" in said and "evobuild init" in said


def test_the_functions_have_their_stages_and_prompts(installed: Path, tmp_path: Path) -> None:
    script = "import evobuild; print(evobuild.evolve(['Name three rivers.'], 'simulated:large', cache=None))"
    assert "rows" in run(tmp_path, installed / "python", "-c", script)


def test_a_project_is_built_whole(own: Path) -> None:
    assert (own / "data/report.html").stat().st_size > 10_000
    assert (own / "data/dataset.parquet").is_file()


def test_nothing_is_built_twice(installed: Path, own: Path) -> None:
    assert "Data and pipelines are up to date." in run(own, installed / "dvc", "repro")
    assert "Data and pipelines are up to date." in run(own, installed / "evobuild", "repro")


def test_commands_know_the_project(installed: Path, own: Path) -> None:
    assert "Nothing is stale." in run(own, installed / "evobuild", "plan")
    assert "nothing to upgrade" in run(own, installed / "evobuild", "upgrade", "--check")
    assert "simulated" in run(own, installed / "evobuild", "models")


def test_git_sees_settings_code_and_figures_alone(own: Path) -> None:
    changed = {line[3:] for line in run(own, "git", "status", "--porcelain").splitlines()}
    assert {name.split("/")[0] for name in changed} <= {"dvc.lock", "metrics", ".evobuild"}
