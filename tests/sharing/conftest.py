"""A built pipeline, and servers that it is pushed to: of S3 and of SSH."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pipelines
import pytest
from s3_server import KEYS, s3_server
from ssh_server import ssh_server


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The URL of an S3 server that has the bucket `shared`; what a client needs is in the environment."""
    with s3_server("shared") as url, pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield url


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of an SSH server, and the key that opens it."""
    with ssh_server(tmp_path_factory.mktemp("keys")) as found:
        yield found


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that was built and committed; tests copy it."""
    root = tmp_path_factory.mktemp("built") / "first"
    root.mkdir()
    pipelines.build(root)
    return root


@pytest.fixture
def first(built: Path, tmp_path: Path) -> Path:
    """A copy of the built pipeline of the test's own."""
    shutil.copytree(built, tmp_path / "first", symlinks=True)
    return tmp_path / "first"
