"""What tests of commands share: the digests of modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from evobuild.cli.pipeline import lock_text as locking
from evobuild.process.imports import Sources


@pytest.fixture(scope="session")
def digests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of digests of modules."""
    return tmp_path_factory.mktemp("digests") / "imports.json"


@pytest.fixture
def known_modules(digests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep digests for all projects in one file; each project by itself would read every module."""
    monkeypatch.setattr(locking, "stage_sources", lambda: Sources(Path.cwd(), digests))
