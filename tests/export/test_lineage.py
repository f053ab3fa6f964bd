"""The table of lineage: the rows behind exported ones, each with the reply that it came of, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.evolution_tables import FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.table_parts import rows_per_file
from evobuild.export import lineage
from evobuild.export.lineage import LINEAGE, METHOD, Sources, write_lineage

PARENTS = {"r2": "r1", "r1": "r0"}
SEEDS = ["s1", "s2", "s3", "s4"]
R1 = {"a1": "s1", "a2": "s2", "a3": "s3"}
R2 = {"b1": "a1", "b2": "a2"}
BRANCH = {"c1": "s4", "c2": ""}


def row(key: str, round_: str, parent: str = "") -> Instruction:
    return Instruction(key, key, key, parent, round_, "math", (), f"text of {key}", "", "", operation="own")


def write(path: Path, schema: pl.Schema, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    tables.write(path, pl.DataFrame(rows, schema=schema))


def reply(key: str) -> dict[str, Any]:
    return {"id": key, "attempt": 1, "reply": f"reply of {key}", "reasoning": f"thoughts of {key}"}


def failure(parent: str, attempt: int) -> dict[str, Any]:
    told = {"operation": "own", "reason": "unchanged", "detail": "", "reply": f"no {attempt}"}
    return {"id": f"{parent}-{attempt}", "row": parent, "attempt": attempt, **told}


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    found = Sources(*(tmp_path / name for name in ("rounds", "replies", "failures", "method.txt")))
    found.rounds.mkdir()
    for name, rows in {"r0": dict.fromkeys(SEEDS, ""), "r1": R1, "r2": R2, "autoif": BRANCH}.items():
        table = tables.frame(INSTRUCTIONS, [row(key, name, parent) for key, parent in rows.items()])
        tables.write(found.rounds / f"{name}.parquet", table)
    write(found.replies / "r1.parquet", REPLIES, [reply(key) for key in R1])
    write(found.replies / "r2.parquet", REPLIES, [reply(key) for key in R2])
    write(found.failures / "r1.parquet", FAILURES, [failure("s1", 1), failure("s1", 0), failure("s3", 0)])
    found.method.write_text("Evolve {instruction}\n")
    return found


def written(sources: Sources, selected: dict[str, str]) -> pl.DataFrame:
    """The lineage of a data set: rows by id, with their rounds."""
    dataset = sources.method.with_name("dataset.parquet")
    tables.write(dataset, tables.frame(INSTRUCTIONS, [row(key, name) for key, name in selected.items()]))
    path = dataset.with_name("lineage.parquet")
    write_lineage(path, dataset, sources, PARENTS, ["autoif"])
    return tables.read(path, LINEAGE)


def test_it_has_the_ancestors_of_selected_rows_and_all_rows_of_branches(sources: Sources) -> None:
    found = written(sources, {"b1": "r2", "a2": "r1", "c1": "autoif"})
    assert found["id"].to_list() == ["s1", "s2", "s4", "a1", "a2", "b1", "c1", "c2"]
    assert written(sources, {"s3": "r0"})["id"].to_list() == ["s3", "s4", "c1", "c2"]


def test_a_row_has_the_reply_that_it_came_of_and_the_failed_attempts_before(sources: Sources) -> None:
    found = {each["id"]: each for each in written(sources, {"b1": "r2"}).to_dicts()}
    child = found["a1"]
    assert (child["instruction"], child["parent_id"], child["operation"]) == ("text of a1", "s1", "own")
    assert (child["attempt"], child["reply"], child["thoughts"]) == (1, "reply of a1", "thoughts of a1")
    assert [(each["attempt"], each["reply"]) for each in child["failed"]] == [(0, "no 0"), (1, "no 1")]
    assert found["b1"]["failed"] is None and found["b1"]["reply"] == "reply of b1"
    assert found["s1"]["reply"] is None and found["c1"]["reply"] is None


def test_it_carries_the_evolving_method(sources: Sources) -> None:
    written(sources, {"b1": "r2"})
    path = sources.method.with_name("lineage.parquet")
    assert pl.read_parquet_metadata(path)[METHOD] == "Evolve {instruction}\n"


def test_read_in_parts_it_is_the_same_file(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = written(sources, {"b1": "r2", "b2": "r2"})
    monkeypatch.setattr(lineage, "CHUNK", 1)
    assert written(sources, {"b1": "r2", "b2": "r2"}).equals(whole)


def test_a_row_whose_parent_is_missing_is_an_error(sources: Sources) -> None:
    tables.write(sources.rounds / "r1.parquet", tables.frame(INSTRUCTIONS, [row("a2", "r1", "s2")]))
    with pytest.raises(BadInput, match=r"r1.parquet: 1 rows are missing that others descend from"):
        written(sources, {"b1": "r2"})


@pytest.mark.parametrize("most", [1, 1000])
def test_attempts_at_a_parent_reach_its_children_in_other_parts(sources: Sources, most: int) -> None:
    parents = {"10": "f0", "20": "f0", "e0": "01", "e1": "02"}
    with rows_per_file(most):
        for name, rows in {"r0": dict.fromkeys(("01", "02", "f0"), ""), "r1": parents}.items():
            table = tables.frame(INSTRUCTIONS, [row(key, name, parent) for key, parent in rows.items()])
            path = sources.rounds / f"{name}.parquet"
            path.unlink()
            tables.write(path, table)
        (sources.failures / "r1.parquet").unlink()
        tried = [failure("f0", 1), failure("f0", 0), failure("01", 0)]
        write(sources.failures / "r1.parquet", FAILURES, tried)
        (sources.rounds / "autoif.parquet").unlink()
        tables.write(sources.rounds / "autoif.parquet", tables.frame(INSTRUCTIONS, []))
        found = written(sources, dict.fromkeys(("10", "20", "e0", "e1"), "r1"))
    failed = dict(found.select("id", "failed").iter_rows())
    assert [each["attempt"] for each in failed["10"]] == [each["attempt"] for each in failed["20"]] == [0, 1]
    assert [each["attempt"] for each in failed["e0"]] == [0]
    assert failed["e1"] is failed["f0"] is None
