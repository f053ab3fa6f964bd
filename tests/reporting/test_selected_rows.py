"""Selected rows: their order, which of them the first screen shows, and why each was selected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import trees

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.reporting.selected_rows import explain_selection, order_selected, read_best_rows
from evobuild.selection.candidate_rows import dataset_schema

NOTHING: dict[str, Any] = dict.fromkeys(dataset_schema())


def test_rows_come_best_first_in_the_direction_of_the_metric(tmp_path: Path):
    rows = [trees.row(f"{name}-r1") for name in "abc"]
    trees.write_dataset(tmp_path / "dataset", tables.frame(INSTRUCTIONS, rows))
    order = {by: order_selected([by], tmp_path / "dataset")["id"].to_list() for by in ("ifd", "length")}
    assert order == {"ifd": ["c-r1", "b-r1", "a-r1"], "length": ["a-r1", "b-r1", "c-r1"]}
    assert order_selected(["ifd", "length"], tmp_path / "dataset")["id"][0] == "c-r1"


def test_a_row_without_a_value_comes_last(tmp_path: Path):
    rows = [trees.row(f"{name}-r1") for name in "ab"]
    trees.write_dataset(tmp_path / "dataset", tables.frame(INSTRUCTIONS, rows))
    table = tables.read(tmp_path / "dataset", dataset_schema())
    table = table.with_columns(metric=pl.when(pl.col("id") == "b-r1").then(None).otherwise("metric"))
    tables.write(tmp_path / "dataset", table)
    assert order_selected(["ifd"], tmp_path / "dataset")["id"].to_list() == ["a-r1", "b-r1"]


def test_the_best_of_each_domain_are_shown_with_their_parents_and_what_they_add(tmp_path: Path):
    seeds = [trees.row(f"{name}-r0") for name in "abcd"]
    domains = {"a": "math", "b": "chat", "c": "chat", "d": "chat"}
    children = [
        trees.row(f"{name}-r1", f"{name}-r0", instruction=f"Name {name}. Twice.", domain=domain)
        for name, domain in domains.items()
    ]
    selected = tuple(row.id for row in children)
    where = trees.write(tmp_path, [*seeds, *children], {}, {}, selected)
    found = read_best_rows(trees.settings(), where)
    # Of the highest values d, c, b, a, the third domain's turn comes before the second row of chat.
    assert [each.row.id for each in found] == ["d-r1", "c-r1", "a-r1"]
    assert [each.place for each in found] == [1, 2, 4]
    assert found[0].parent and found[0].parent.id == "d-r0"
    assert "Twice." in "".join(text for kind, text in found[0].words if kind == "insert")


@pytest.mark.parametrize(
    ("by", "values", "why"),
    [
        ("ic_ifd", {"ifd": 0.3}, "Number 2 of 9 by IC-IFD: the answer is much easier to predict with the"
         " instruction than without it."),
        ("ifd", {"ifd": 0.7}, "Number 2 of 9 by IFD: the answer is easier to predict"),
        ("ifd", {"ifd": 0.95}, "Number 2 of 9 by IFD: the answer is only a little easier"),
        ("ifd_ppl", {"ifd": 1.0}, "Number 2 of 9 by ifd_ppl: the answer is no easier"),
        ("difficulty", {"difficulty": 85.0}, "Number 2 of 9 by difficulty: the judge rates its"),
        ("tags", {"tags": ["a", "b"]}, "Number 2 of 9 by tags: it asks for 2 different things."),
        ("length", {"question_tokens": 312}, "Number 2 of 9 by length: the instruction has 312 tokens."),
        ("reward", {}, "Number 2 of 9 by reward."),
        ("random", {}, "Drawn at random"),
    ],
)  # fmt: skip
def test_a_sentence_says_why_a_row_was_selected(by: str, values: dict[str, Any], why: str):
    said = explain_selection({by: 1.0}, NOTHING | {"metric": 0.5} | values, 2, 9)
    assert said.startswith(why)


def test_several_metrics_are_said_together_and_a_kept_seed_is_told():
    values = NOTHING | {"metric": 0.9, "ifd": 0.4, "difficulty": 60.0}
    said = explain_selection({"ifd": 1, "difficulty": 2}, values, 1, 9)
    assert said.startswith("Number 1 of 9 by IFD and difficulty: the answer is much easier")
    assert said.endswith(", and the judge rates its difficulty 60 of 100.")
    assert "keep_seeds" in explain_selection({"ifd": 1}, NOTHING, 3, 9)
