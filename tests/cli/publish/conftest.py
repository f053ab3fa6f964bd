"""A built project to publish from, a fake hub, and the command."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import publishing
import pytest
from hub_server import TOKEN, HubServer

from evobuild import __main__ as command


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publishing.build(tmp_path_factory.mktemp("built") / "project")


@pytest.fixture
def project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, and the folder that commands run in."""
    root = tmp_path / "project"
    shutil.copytree(built, root)
    monkeypatch.chdir(root)
    (tmp_path / "home").mkdir()
    own = {"DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(tmp_path / "home")}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    for name in (
        "HF_HUB_OFFLINE",
        "DVC_ROOT",
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "HF_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    # A process of its own weighs each table that is read: tests/seeds/test_bombs.py.
    monkeypatch.setattr("evobuild.seeds.records.check_table_size", lambda path: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    return root


@pytest.fixture
def hub(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub without Xet, whose token is at hand."""
    with HubServer() as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture
def publish(capsys: pytest.CaptureFixture[str]):
    """Run `evobuild publish` with some words; give its exit code and what it says."""

    def run(*words: str) -> tuple[int, str, str]:
        code = command.main(["publish", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
