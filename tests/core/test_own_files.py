"""The tests pass whatever lock and outs the user has: none can open them."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace import ROOT, SHIPPED_PARAMS


@pytest.mark.parametrize("name", ["dvc.lock", "metrics/rows.json", "data/rounds/r0.parquet"])
def test_a_test_cannot_open_what_is_the_users(name: str) -> None:
    with pytest.raises(AssertionError, match="is the user's"):
        (ROOT / name).open("rb")


def test_what_is_shipped_and_what_a_test_makes_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SHIPPED_PARAMS.read_bytes()
    assert (ROOT / "data/raw/sample.jsonl").read_bytes()
    monkeypatch.chdir(tmp_path)
    Path("dvc.lock").write_text("own: 1\n")
    assert Path("dvc.lock").read_text() == "own: 1\n"
