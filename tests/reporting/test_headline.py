"""The dozen figures that tell runs apart, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evobuild.core import metrics, tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import measure_of
from evobuild.reporting.headline import Names, Sources, headline_figures

NAMES = Names(rounds=["r1"], branches=["autoif"], pools=["r0", "r1"], sets=["gsm8k", "mbpp"], base="toy")
EVERY = {
    "seeds", "evolved", "selected", "largest_pool", "failures", "contaminated", "difficulty_seeds",
    "difficulty", "ic_ifd", "method_failures", "loss_before", "loss_after", "tokens",
}  # fmt: skip


def chosen(row: Any, values: list[tuple[str, str, float | None, float | None]]) -> Any:
    """A data set of rows: id, round, difficulty and IC-IFD."""
    rows = [row(round=round)._replace(id=key) for key, round, *_ in values]

    return tables.frame(INSTRUCTIONS, rows).with_columns(
        pl.Series("difficulty", [each[2] for each in values], pl.Float64),
        pl.Series("ic_ifd", [each[3] for each in values], pl.Float64),
    )


def hits(rows: list[str]) -> Any:
    """A table of rows that share text with a set."""
    return tables.frame(CONTAMINATION, [(f"{key}-8", key, "r1", "s", "1", "8", "x", "y") for key in rows])


@pytest.fixture
def sources(tmp_path: Path, label: Path, row: Any) -> Sources:
    """What the stages before leave of a small line."""
    for folder in ("counts", "ratings", "contamination", "curves"):
        (tmp_path / folder).mkdir()
    asked = [{"role": "evolver", "model": "m", "purposes": {"evolve": {
        "requests": 2, "prompt_tokens": 30, "completion_tokens": 12}}}]  # fmt: skip
    counts = {
        "seed": {"in": 12, "out": 10, "rejects": {"empty instruction": 2}, "held_out": 3},
        "evolve-r1": {"in": 7, "out": 5, "rejects": {"unchanged": 2}, "kept_parents": 1, "asked": asked},
        "quality-autoif": {"in": 4, "out": 3, "rejects": {"no answer of quality": 1}},
        "respond-r0": {"in": 7, "out": 7, "rejects": {}},
        "respond-r1": {"in": 6, "out": 4, "rejects": {"sorry": 2}},
    }
    for name, content in counts.items():
        (tmp_path / f"counts/{name}.json").write_text(json.dumps(content))
    tables.write(
        tmp_path / "ratings/r0.parquet",
        tables.frame(
            measure_of("rate").schema, [("a", "easy", 20.0), ("b", "hard", 65.0), ("c", "hard", None)]
        ),
    )
    rows = [("p", "r0", 30.0, 0.5), ("q", "r1", 60.0, None), ("r", "r1", None, 0.25)]
    tables.write(tmp_path / "dataset.parquet", chosen(row, rows))
    tables.write(tmp_path / "contamination/gsm8k.parquet", hits(["q", "elsewhere"]))
    tables.write(tmp_path / "contamination/mbpp.parquet", hits(["q", "r"]))
    metrics.write_metrics(tmp_path / "optimization.json", {"failure_rate": {"e0": 0.5, "best": 0.25}}, label)
    (tmp_path / "curves/toy.csv").write_text("step,loss,held_out_loss\n1,3.0,\n2,2.5,2.75\n3,2.0,2.12341\n")
    return Sources(
        counts=tmp_path / "counts",
        downstream=tmp_path / "downstream",
        ratings=tmp_path / "ratings",
        dataset=tmp_path / "dataset.parquet",
        contamination=tmp_path / "contamination",
        optimization=tmp_path / "optimization.json",
        curves=tmp_path / "curves",
    )


def test_the_headline_tells_what_came_out_how_hard_it_is_and_what_it_took(sources: Sources) -> None:
    assert headline_figures(sources, NAMES, [("evolve", "r1")]) == {
        "seeds": 7,
        "evolved": 8,
        "selected": 3,
        "largest_pool": 0.6667,
        "failures": 0.25,
        "contaminated": 2,
        "difficulty_seeds": 42.5,
        "difficulty": 45.0,
        "ic_ifd": 0.375,
        "method_failures": 0.25,
        "loss_before": 2.75,
        "loss_after": 2.1234,
        "tokens": 42,
    }


def test_what_was_not_measured_is_null_and_every_key_stays(sources: Sources, label: Path, row: Any) -> None:
    tables.write(sources.dataset, chosen(row, []))
    tables.write(sources.ratings / "r0.parquet", measure_of("rate").schema.to_frame())
    metrics.write_metrics(sources.optimization, {"failure_rate": {"e0": None, "best": None}}, label)
    found = headline_figures(sources, Names([], [], [], [], ""), [])
    assert found.keys() == EVERY
    unknown = {"largest_pool", "failures", "difficulty_seeds", "difficulty", "ic_ifd", "method_failures"}
    assert {name for name, value in found.items() if value is None} == unknown | {"loss_before", "loss_after"}


def test_it_fits_a_screen() -> None:
    assert len(EVERY) <= 14
