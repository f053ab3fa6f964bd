"""Model types of transformers, built tiny, are scored and trained as one row at a time: 13 of them.

`benchmarks/architectures.py` builds all.
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LAYOUTS = {
    "falcon_h1": "padded", "gemma2": "padded", "gemma3_text": "packed", "gpt_oss": "padded",
    "granitemoehybrid": "padded", "lfm2": "padded", "llama": "packed", "mamba2": "padded",
    "mistral": "packed", "phi3": "packed", "qwen2": "packed", "qwen3": "packed", "qwen3_next": "padded",
}  # fmt: skip


@pytest.fixture(scope="module")
def script() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks/architectures.py")))
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


# As in the script: what other libraries warn of is no part of what they compute.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", LAYOUTS)
def test_losses_and_gradients_are_those_of_one_row_at_a_time(script, monkeypatch, kind: str) -> None:
    monkeypatch.setitem(script.passes.TOKENS, "cpu", script.TOKENS)
    found = script.hold(kind)
    assert found.holds, found
    assert (found.scored, found.trained) == (LAYOUTS[kind], LAYOUTS[kind])


def test_the_page_lists_every_type_of_the_installed_transformers(script) -> None:
    """`python benchmarks/architectures.py --write` makes its table."""
    page = (ROOT / "docs/architectures.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([^`]+)` \| `(\w+)` \|", page, re.MULTILINE))
    assert listed == script.classes()
    assert set(script.NAMED) == set(LAYOUTS)
