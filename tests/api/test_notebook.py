"""Results show as bounded tables of escaped text in a notebook; the tutorial runs and is current."""

from __future__ import annotations

import re
from pathlib import Path

import notebooks
import polars as pl
import pytest

import evobuild
from evobuild.api.notebook_html import CHARACTERS, ROWS

TUTORIAL = Path(__file__).parents[2] / "docs/tutorial.ipynb"
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> </div></table>"


def html_of(**columns: list[object]) -> str:
    return evobuild.Result(
        pl.DataFrame(columns), evobuild.Result(pl.DataFrame(), pl.DataFrame()).unread
    )._repr_html_()


def test_the_tutorial_shows_what_stands_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = notebooks.read_notebook(TUTORIAL)
    written = [cell["outputs"] for cell in notebooks.code_cells(notebook)]
    assert notebooks.run_notebook(notebook) == written, f"run: python {notebooks.__file__} {TUTORIAL}"
    assert list(Path().iterdir()) == [Path("chosen.jsonl")]
    assert pl.read_ndjson("chosen.jsonl").columns == ["instruction", "output"]


def test_the_tutorial_shows_each_result_as_a_table() -> None:
    shown = str([cell["outputs"] for cell in notebooks.code_cells(notebooks.read_notebook(TUTORIAL))])
    assert shown.count("<table>") == 5 and "<b>rejects</b>: 7" in shown


def test_a_cell_that_fails_is_noticed() -> None:
    cell = {"cell_type": "code", "source": ["1 / 0"]}
    with pytest.raises(ZeroDivisionError):
        notebooks.run_notebook({"cells": [cell]})


def test_text_of_models_is_escaped() -> None:
    shown = html_of(**{"instruction": [HOSTILE], HOSTILE: [[HOSTILE]]})
    tags = set(re.findall(r"</?(\w+)", shown))
    assert tags == {"style", "div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "small"} - {
        "small"
    }
    assert shown.count("&lt;script&gt;") == 3 and "mathjax_ignore" in shown


def test_tables_are_bounded_in_rows_and_characters() -> None:
    shown = html_of(instruction=["x" * 10_000] * 1_000)
    assert "<b>rows</b>: 1,000, the first 8" in shown
    assert len(shown) < ROWS * (CHARACTERS + 50) + 1_000


def test_columns_of_lineage_and_without_a_value_are_named_below() -> None:
    shown = html_of(instruction=["a"], seed_id=["1"], output=[""], difficulty=[None], loss=[0.123456])
    assert re.findall("<th>(.*?)</th>", shown) == ["instruction", "loss"] and "<td>0.1235</td>" in shown
    assert "not shown: seed_id, output, difficulty" in shown


def test_methods_and_benchmarks_show_as_tables() -> None:
    table = pl.DataFrame({"reply": [HOSTILE]})
    method = evobuild.OptimizedMethod(HOSTILE, 0.5, 0.25, table, table, table)._repr_html_()
    found = evobuild.Evaluated(table, table, table)._repr_html_()
    assert "<b>after</b></p><pre>0.25</pre>" in method
    for shown, tables in ((method, 3), (found, 3)):
        assert shown.count("<table>") == tables and "<script" not in shown
