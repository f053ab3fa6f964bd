"""Failures by round, operation and domain, by hand."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from evobuild.core import tables
from evobuild.core.evolution_tables import FAILURES
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.reasons import reasons_of
from evobuild.core.rejects import REJECTS
from evobuild.reporting import failure_counts


@pytest.fixture
def folder(tmp_path: Path, row) -> Path:
    """A round r1 of six parents, two of them tried twice and one kept, and what respond lost of r0 and r1."""

    def write(name, schema, rows):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tables.write(tmp_path / f"{name}.parquet", tables.frame(schema, rows))

    def child(parent, operation, domain="chat"):
        made = {"strategy": "auto", "operation": operation, "domain": domain}
        return row(id=f"child-{parent}", parent_id=parent, **made)

    write("rounds/r0", INSTRUCTIONS, [row(id=name) for name in "abcdef"])
    children = [
        child("a", "method-123"),
        child("b", "method-123"),
        child("c", "method-123", "math"),
        child("d", "kept"),
    ]
    write("rounds/r1", INSTRUCTIONS, children)
    failed = [
        ("b", 0, "auto", "method-123", "chat", "empty"),
        ("b", 1, "auto", "method-123", "chat", "empty"),
        ("d", 0, "auto", "method-123", "chat", "empty"),
        ("d", 1, "auto", "method-123", "chat", "equal"),
        ("e", 0, "auto", "method-123", "math", "unparsable"),
        ("f", 0, "evol", "breadth", "chat", "a new kind"),
    ]
    write(
        "failures/r1",
        FAILURES,
        [
            (f"{parent}-{number}", parent, number, *made, reason, "", "", None)
            for parent, number, *made, reason in failed
        ],
    )
    write("rejects/respond-r0", REJECTS, [("a", "sorry", "", "Sorry.")])
    write("rejects/respond-r1", REJECTS, [("child-a", "sorry", "", ""), ("child-d", "empty", "", "")])
    counts = {"failed_attempts": 6, "kept_parents": 1, "unclear_verdicts": 2}
    lost = {"lost_content": {"code": 1, "tables": 0, "figures": 3}}
    (tmp_path / "counts").mkdir()
    (tmp_path / "counts/evolve-r1.json").write_text(json.dumps({"in": 6} | counts | lost))
    return tmp_path


def counted(folder: Path) -> pl.DataFrame:
    folders = folder / "rounds", folder / "failures", folder / "rejects"
    return failure_counts.count_failures(*folders, ["r1"], ["r0", "r1"])


def test_each_reason_is_counted_by_rows_against_all_that_were_tried(folder: Path) -> None:
    assert counted(folder).rows() == [
        ("r1", "evolve", "breadth", "chat", "a new kind", 1, 1),
        ("r1", "evolve", "method", "chat", "empty", 2, 3),
        ("r1", "evolve", "method", "chat", "equal", 1, 3),
        ("r1", "evolve", "method", "math", "unparsable", 1, 2),
        ("r0", "respond", "seed", "chat", "sorry", 1, 6),
        ("r1", "respond", "kept", "chat", "empty", 1, 1),
        ("r1", "respond", "method", "chat", "sorry", 1, 2),
    ]


def test_figures_have_all_reasons_known_and_found(folder: Path) -> None:
    found = failure_counts.failure_figures(counted(folder), folder / "counts", ["r1"], ["r0", "r1"])
    expected = {"empty": 2, "equal": 1, "unparsable": 1, "a new kind": 1}
    assert found["failed"] == {"evolve": {"r1": 5}, "respond": {"r0": 1, "r1": 2}}
    assert found["reasons"] == {
        "evolve": dict.fromkeys(reasons_of("evolve"), 0) | expected,
        "respond": dict.fromkeys(reasons_of("respond"), 0) | {"sorry": 2, "empty": 1},
    }
    assert (found["kept_parents"], found["failed_attempts"], found["unclear_verdicts"]) == (1, 6, 2)
    assert found["lost_content"] == {"code": 1, "tables": 0, "figures": 3}


def test_without_a_failure_the_table_has_its_columns(folder: Path, tmp_path: Path) -> None:
    tables.write(folder / "failures/r1.parquet", FAILURES.to_frame())
    tables.write(folder / "rejects/respond-r1.parquet", REJECTS.to_frame())
    folders = folder / "rounds", folder / "failures", folder / "rejects"
    found = failure_counts.count_failures(*folders, ["r1"], ["r1"])
    assert found.schema == failure_counts.FAILURE_COUNTS
    assert found.height == 0
