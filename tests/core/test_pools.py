"""Stages that handle pools: what lies where, and how one that takes all pools at once writes it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from evobuild.core import pools
from evobuild.core.errors import BadInput
from evobuild.core.pools import AllPools
from evobuild.core.tables import Reject
from evobuild.reporting import stage_counts

KIND = pl.Schema({"id": pl.String, "value": pl.Float64})


def test_a_stage_that_takes_all_pools_leaves_one_file_of_rejects_and_one_of_ledgers() -> None:
    each, at_once = ["respond", "rate"], list(pools.AT_ONCE)
    assert pools.stems(["r0", "r1"]) == ["respond-r0", "respond-r1", "rate-r0", "rate-r1", *at_once]
    assert pools.addresses(["r0", "r1"]) == [f"{s}@{p}" for s in each for p in ("r0", "r1")] + at_once


def test_every_row_of_every_pool_is_in_its_table_or_in_the_rejects(tmp_path: Path) -> None:
    made = AllPools(KIND, tmp_path / "out")
    made.take("r1", [("b", 2.0), Reject("c", "empty", "", ""), ("a", 1.0)], 3)
    made.take("r0", [Reject("e", "long", "", "text"), ("d", 4.0)], 2)
    made.write(tmp_path / "rejects.parquet", tmp_path / "counts.json")
    assert pl.read_parquet(tmp_path / "out/r1.parquet").rows() == [("a", 1.0), ("b", 2.0)]
    assert pl.read_parquet(tmp_path / "out/r0.parquet").rows() == [("d", 4.0)]
    lost = pl.read_parquet(tmp_path / "rejects.parquet")
    assert lost.rows() == [("c", "empty", "", ""), ("e", "long", "", "text")]
    assert json.loads((tmp_path / "counts.json").read_text()) == {
        "r1": {"in": 3, "out": 2, "rejects": {"empty": 1}},
        "r0": {"in": 2, "out": 1, "rejects": {"long": 1}},
    }


def test_rows_that_do_not_add_up_are_a_bug(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 rows in, but 1 out and 1 rejected"):
        AllPools(KIND, tmp_path / "out").take("r0", [("a", 1.0), Reject("b", "empty", "", "")], 3)


def test_a_pool_of_which_nothing_is_left_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"1 rows of r2 came in and none is left.*empty \(1\)"):
        AllPools(KIND, tmp_path / "out").take("r2", [Reject("a", "empty", "", "")], 1)


def test_what_is_switched_off_leaves_empty_tables_and_says_so(tmp_path: Path) -> None:
    made = AllPools(KIND, tmp_path / "out")
    made.leave("r0")
    made.write(tmp_path / "rejects.parquet", tmp_path / "counts.json")
    assert pl.read_parquet(tmp_path / "out/r0.parquet").is_empty()
    assert json.loads((tmp_path / "counts.json").read_text())["r0"] == pools.OFF


def test_so_does_a_stage_of_one_pool(tmp_path: Path) -> None:
    pools.leave(KIND, *(tmp_path / name for name in ("out.parquet", "rejects.parquet", "counts.json")))
    assert pl.read_parquet(tmp_path / "out.parquet").schema == KIND
    assert pl.read_parquet(tmp_path / "rejects.parquet").is_empty()
    assert json.loads((tmp_path / "counts.json").read_text()) == pools.OFF


def test_a_ledger_that_lacks_a_pool_is_named(tmp_path: Path) -> None:
    (tmp_path / "score.json").write_text(json.dumps({"r1": pools.OFF}))
    assert stage_counts._ledger("score", "r1", tmp_path).rows_in == 0
    with pytest.raises(BadInput, match=r"score\.json: the key 'in' is missing"):
        stage_counts._ledger("score", "r0", tmp_path)
