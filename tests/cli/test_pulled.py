"""What `evobuild pull` asks DVC for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import workspace

from evobuild.cli import pull
from evobuild.core.errors import UserError

PIPELINE = """
stages:
  make:
    cmd: mkdir -p data && echo 1 > data/inner && echo 2 > data/outer && echo 3 > data/figure
    outs: [data/inner: {push: false}, data/outer, data/figure: {cache: false}]
  later:
    cmd: echo 4 > later
    outs: [later]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a built stage, one that was not, and a file that is in DVC by hand."""
    workspace.run(tmp_path, "git", "init", "-q")
    workspace.run(tmp_path, "dvc", "init", "-q")
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/own.txt").write_text("5")
    workspace.run(tmp_path, "dvc", "add", "-q", "raw/own.txt")
    workspace.run(tmp_path, "dvc", "repro", "-q", "make")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    return tmp_path


def test_what_was_built_and_is_pushed_is_pulled(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda file, words: called.append(words))
    pull.pull_pushed(["-r", "shared"])
    assert called[0][1:] == ["-m", "dvc", "pull", "-r", "shared", "data/outer", "raw/own.txt"]


def test_where_nothing_was_built_nothing_is_pulled(here: Path) -> None:
    (here / "dvc.lock").unlink()
    (here / "raw/own.txt.dvc").unlink()
    with pytest.raises(UserError, match=r"dvc\.lock: names nothing"):
        pull.pull_pushed([])
