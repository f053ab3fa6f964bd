"""Every example of docs/api.md runs, offline, and prints what the page shows."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import tiny

import evobuild

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/api.md"
BLOCKS = re.compile(r"^```python\n(.*?)^```\n+(?:^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
SCORER = "HuggingFaceTB/SmolLM2-135M"
"""What the examples score with; here a model small enough for tests stands for it."""
FUNCTIONS = [name for name in evobuild.__all__ if name[0].islower()]


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with the shipped sample and benchmarks and nothing else, where nothing may be left."""
    shutil.copytree(ROOT / "data/raw", tmp_path / "work/data/raw")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("EVOBUILD_STORE", raising=False)
    before = sorted(Path().rglob("*"))
    yield
    assert sorted(Path().rglob("*")) == before


def test_the_page_prints_what_it_shows(sample: None) -> None:
    names: dict[str, object] = {}
    blocks = BLOCKS.findall(PAGE.read_text(encoding="utf-8"))
    for code, shown in blocks:
        said = io.StringIO()
        with redirect_stdout(said):
            exec(code.replace(SCORER, str(tiny.folder())), names)  # noqa: S102
        assert said.getvalue() == shown, code


def test_the_page_shows_every_function() -> None:
    code = "".join(code for code, _ in BLOCKS.findall(PAGE.read_text(encoding="utf-8")))
    assert [name for name in FUNCTIONS if f"evobuild.{name}(" not in code] == []
