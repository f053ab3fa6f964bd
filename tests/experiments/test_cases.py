"""Cases: which rows are shown, in what order, and that what a model wrote is shown as text alone."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from experiments.recipe import Cases, Measure
from experiments.recipe.cases import fenced

CASES = Cases(
    "Cases",
    Measure(("evolve",), lambda outs: pl.DataFrame()),
    "evolver",
    lambda frame: frame.filter(operation="deepening"),
    count=2,
)


def children(*rows):
    columns = ["data", "evolver", "parent_id", "operation", "before", "after"]
    return pl.DataFrame([("a", *row) for row in rows], columns, orient="row")


def test_a_case_is_a_row_that_each_has_a_child_of():
    frame = children(
        ("LLM", "s1", "deepening", "Add.", "Add 3."),
        ("LLM", "s2", "deepening", "Sum.", "Sum up."),
        ("LLM", "s3", "constraints", "Name.", "Name 3."),
        ("SLM", "s1", "deepening", "Add.", "Add 3\n\nand 4."),
        ("SLM", "s3", "constraints", "Name.", "Name it."),
    )
    assert CASES.markdown(frame, Path("unused"), dry=False).split("\n\n") == [
        "### a, row `s1`", "seed:", "```\nAdd.\n```", "LLM:", "```\nAdd 3.\n```", "SLM:", "```\nAdd 3",
        "and 4.\n```",
    ]  # fmt: skip
    assert CASES.markdown(frame, Path("unused"), dry=True).count("DRY RUN ") == 2
    assert CASES.markdown(frame.filter(operation="constraints"), Path("unused"), dry=False) == (
        "No row has a child of each."
    )


def test_cases_are_drawn_by_their_ids():
    rows = [("LLM", f"s{number}", "deepening", "", "") for number in range(20)]
    few = CASES.markdown(children(*rows), Path("unused"), dry=False)
    assert few.count("###") == 2
    assert CASES.markdown(children(*rows[::-1]), Path("unused"), dry=False) == few
    shown = [number for number in range(20) if f"row `s{number}`" in few]
    without = [row for number, row in enumerate(rows) if number == shown[0] or number > shown[0]]
    assert f"row `s{shown[0]}`" in CASES.markdown(children(*without), Path("unused"), dry=False)


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("<img src=x>", "```\n<img src=x>\n```"),
        ("a\n```\n# b ````", "`````\na\n```\n# b ````\n`````"),
        ("\x1b[2J\ra\u202eb", "```\n␛[2J␍a<U+202E>b\n```"),
        ("word " * 25 + "end", "```\n" + ("word " * 20).rstrip() + "\n" + "word " * 5 + "end\n```"),
        ("", "```\n\n```"),
    ],
)
def test_what_a_model_wrote_is_text_in_a_block_of_its_own(text, block):
    assert fenced(text) == block
