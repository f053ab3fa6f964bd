"""The first screen of the report: what came out, where it lies, and that the verdict has its figures."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from reported import build, settings

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.json_files import write_json
from evobuild.reporting import charts, first_screen, report
from evobuild.reporting.report import Sources


@pytest.fixture(autouse=True)
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: it takes most of the time."""
    monkeypatch.setattr(charts, "draw_svg", lambda *_: "")


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return build(tmp_path)


def first(page: str) -> str:
    """The first screen without tags."""
    part = page[page.index('<div class="overview">') : page.index('<h2 id="pipeline">')]
    return " ".join(re.sub(r"<[^>]*>", " ", part).split())


def test_rows_are_told_by_round_and_domain(sources: Sources):
    told = first(report.report_page(settings(), sources))
    assert "Rows r0 r1 r2 All made 7,341 7,341 7,341 22,023" in told
    # All 4 rows of r2 are in the data set, two of each domain.
    assert "in the dataset – 0 4 4 domain0 – 0 2 2 domain1 – 0 2 2" in told


def test_a_pool_that_is_not_chosen_from_has_no_figure(sources: Sources):
    select = settings().select.model_dump() | {"pools": ["r2"]}
    assert "in the dataset – – 4 4" in first(report.report_page(settings(select=select), sources))


def test_the_way_to_the_data_set_and_its_exports_is_told(sources: Sources):
    page = report.report_page(settings(), sources)
    code = "load_dataset(&#34;parquet&#34;, data_files=&#34;data/dataset.parquet&#34;, split=&#34;train&#34;)"
    assert code in page or code.replace("&#34;", '"') in page
    assert '<a href="export/alpaca.json">data/export/alpaca.json</a>' in page
    none = report.report_page(settings(export={"formats": [], "licence": None, "licences": {}}), sources)
    assert "export.formats</code> is empty" in none and "export/alpaca" not in none


def test_the_hash_of_seeds_is_of_all_that_they_hold_and_of_no_order(sources: Sources):
    path = sources.rows.rounds / "r0.parquet"
    rows = tables.read(path, INSTRUCTIONS)
    before = first_screen.hash_seeds(sources.rows.rounds)
    assert re.fullmatch("[0-9a-f]{16}", before) and before in report.report_page(settings(), sources)
    tables.write(path, rows.sort("id", descending=True))
    assert first_screen.hash_seeds(sources.rows.rounds) == before
    tables.write(path, rows.with_columns(output=pl.lit("another")))
    assert first_screen.hash_seeds(sources.rows.rounds) != before


def test_only_rows_of_the_data_set_count_as_shared(sources: Sources):
    where = sources.rows
    chosen = where._replace(dataset=where.rounds / "r0.parquet")
    assert first_screen.count_shared_rows(settings(), chosen) == {"13-gram": 1, "8-gram": 2}
    assert first_screen.count_shared_rows(settings(), where) == {}
    empty = settings(decontaminate={"ngrams": [8], "embedding": None, "sets": {}, "columns": {}})
    assert first_screen.count_shared_rows(empty, chosen) is None


def test_the_verdict_is_shown_and_says_its_states_in_words(sources: Sources):
    counts = sources.counts / "select.json"
    ledger = {"in": 9, "out": 4, "rejects": {}, "warnings": ["<b>r1 turns it round</b>"]}
    write_json(counts, ledger)
    page = report.report_page(settings(), sources)
    assert '<li class="bad"><b class="state">bad</b> <span><b>DRY RUN:</b>' in page
    assert "&lt;b&gt;r1 turns it round&lt;/b&gt;" in page and "<b>r1 turns" not in page
    assert "<b>difficulty:</b> Each round is harder than the one before" in page


def test_stages_stand_in_the_order_of_the_pipeline_for_what_params_name():
    order = first_screen.stage_order(settings())
    assert order.index("evolve@r1") < order.index("evolve@r2") < order.index("score") < order.index("report")
    assert "evolve@r3" not in order and "respond@r0" in order and "finetune@toy" in order
