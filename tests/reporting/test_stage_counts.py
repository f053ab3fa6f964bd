"""What stages counted and asked, read from the files that they leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evobuild.core.errors import BadInput
from evobuild.core.rejects import OFF
from evobuild.reporting import stage_counts


def test_a_ledger_that_lacks_a_pool_is_named(tmp_path: Path) -> None:
    (tmp_path / "score.json").write_text(json.dumps({"r1": OFF}))
    counts = stage_counts.CountFolders(tmp_path, tmp_path)
    assert stage_counts.read_counts("score", "r1", counts).rows_in == 0
    with pytest.raises(BadInput, match=r"score\.json: the key 'in' is missing"):
        stage_counts.read_counts("score", "r0", counts)


def test_stages_that_ask_stand_in_the_order_of_the_pipeline() -> None:
    asking = stage_counts.list_calling_stages(
        stage_counts.Names(["r1", "r2"], ["autoif"], ["r0", "r1", "r2"], ["clarity"], ["base", "tuned"])
    )
    assert asking == [
        ("optimize", ""), ("evolve", "r1"), ("evolve", "r2"), ("keywords", ""), ("augment", "autoif"),
        ("verifiers", "autoif"), ("backtranslate", "autoif"), ("sample", "autoif"), ("quality", "autoif"),
        ("respond", "r0"), ("respond", "r1"), ("respond", "r2"),
        ("rate", "r0"), ("rate", "r1"), ("rate", "r2"), ("tag", ""), ("measure", "clarity"),
        ("evaluate", "base"), ("evaluate", "tuned"), ("compare", ""),
    ]  # fmt: skip
