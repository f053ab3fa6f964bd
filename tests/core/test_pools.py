"""How a stage that takes all pools at once writes what it leaves, and how one of a single pool does."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from evobuild.core.rejects import OFF, Reject
from evobuild.core.results import AllPools, leave_empty

KIND = pl.Schema({"id": pl.String, "value": pl.Float64})


def pools(folder: Path) -> AllPools:
    return AllPools(KIND, folder / "out", folder / "rejects.parquet")


def test_every_row_of_every_pool_is_in_its_table_or_in_the_rejects(tmp_path: Path) -> None:
    made = pools(tmp_path)
    made.add("r1", [("b", 2.0), Reject("c", "empty", "", ""), ("a", 1.0)], 3)
    made.add("r0", [Reject("e", "too long", "", "text"), ("d", 4.0)], 2)
    made.write(tmp_path / "counts.json")
    assert pl.read_parquet(tmp_path / "out/r1.parquet").rows() == [("a", 1.0), ("b", 2.0)]
    assert pl.read_parquet(tmp_path / "out/r0.parquet").rows() == [("d", 4.0)]
    lost = pl.read_parquet(tmp_path / "rejects.parquet")
    assert lost.rows() == [("c", "empty", "", ""), ("e", "too long", "", "text")]
    assert json.loads((tmp_path / "counts.json").read_text()) == {
        "r1": {"in": 3, "out": 2, "rejects": {"empty": 1}},
        "r0": {"in": 2, "out": 1, "rejects": {"too long": 1}},
    }


def test_rows_that_do_not_add_up_are_a_bug(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 rows in, but 1 out and 1 rejected"):
        pools(tmp_path).add("r0", [("a", 1.0), Reject("b", "empty", "", "")], 3)


def test_a_pool_of_which_nothing_is_left_is_named(tmp_path: Path, capfd) -> None:
    pools(tmp_path).add("r2", [Reject("a", "empty", "", "")], 1)
    assert "1 rows of r2 came in and none is left; the commonest reasons: empty (1)" in capfd.readouterr().err
    assert pl.read_parquet(tmp_path / "out/r2.parquet").is_empty()


def test_an_empty_pool_is_no_matter(tmp_path: Path, capfd) -> None:
    pools(tmp_path).add("r2", [], 0)
    assert capfd.readouterr().err == ""


def test_what_is_switched_off_leaves_empty_tables_and_says_so(tmp_path: Path) -> None:
    made = pools(tmp_path)
    made.write_empty("r0")
    made.write(tmp_path / "counts.json")
    assert pl.read_parquet(tmp_path / "out/r0.parquet").is_empty()
    assert json.loads((tmp_path / "counts.json").read_text())["r0"] == OFF


def test_so_does_a_stage_of_one_pool(tmp_path: Path) -> None:
    out, rejects, counts = (tmp_path / name for name in ("out.parquet", "rejects.parquet", "counts.json"))
    leave_empty(KIND, out=out, rejects=rejects, counts=counts)
    assert pl.read_parquet(out).schema == KIND
    assert pl.read_parquet(rejects).is_empty()
    assert json.loads(counts.read_text()) == OFF
