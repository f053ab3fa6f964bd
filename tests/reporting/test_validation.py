"""What became of expectations: its page, its part of the report, and its lines; literally, and alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markupsafe import escape
from reported import build, hostile, outcome, settings

from evobuild.contracts.result import TableOutcomes, Validation, combine_results
from evobuild.core.errors import BadInput
from evobuild.reporting import charts, report, validation

FAILING = outcome(success=False, unexpected=3, share=3 / 210, rows=210, ids=["a b", "c"], notes="0 to 100")
WARNING = FAILING._replace(severity="warning", column="words")
NOTED = FAILING._replace(severity="info", column="length")


def found(*outcomes, table: str = "ratings") -> list[Validation]:
    return [combine_results([TableOutcomes(table, 210, "", list(outcomes))])]


def words(page: str) -> str:
    """What is read of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_an_expectation_is_shown_with_what_was_wanted_and_found_what_is_not_met_first():
    page = validation.validation_page(found(outcome(), NOTED, WARNING, FAILING), "")
    lines = re.findall(r"<tr><td>.*?</tr>", page, re.DOTALL)
    states = [re.search(r'class="state (\w+)">(\w+)<', line).groups() for line in lines]
    assert states == [(name, name) for name in ("failed", "warning", "info", "passed")]
    assert words(lines[0]) == (
        "failed difficulty is from 0 to 100 expect_column_values_to_be_between 0 to 100 "
        "3 of 210 rows do not (1.4 %) 2 ids a b , c"
    )
    assert "all 7,340 rows" in words(lines[3])
    assert "210 rows; 1 failed, 1 warning, 1 info, 1 passed" in words(page)


def test_failing_ids_lead_to_the_explorer_where_they_are_of_rows_and_there_is_one():
    linked = validation.validation_page(found(FAILING), "")
    assert '<a class="mono" href="explorer/index.html#a%20b">a b</a>' in linked
    assert '<a href="report.html">' in linked
    deeper = validation.validation_page(found(FAILING), "", "../../data/")
    assert 'href="../../data/explorer/index.html#c"' in deeper
    for page in (
        validation.validation_page(found(FAILING, table="evaluation"), ""),
        validation.validation_page(found(FAILING), "", None),
    ):
        assert "explorer/index.html" not in page and '<bdi class="mono">a b</bdi>' in page


@pytest.mark.parametrize(
    ("outcomes", "head", "said"),
    [
        (
            [outcome(), FAILING],
            "The run stops",
            [("bad", "1 of 2 checks of tables fail and stop the run;")],
        ),
        ([WARNING, NOTED], "The tables are as they", [("look", "1 of 2 checks of tables warn;")]),
        ([outcome(), NOTED], "The tables are as they", [("good", "All 2 checks of the tables pass.")]),
        ([], "The tables are as they", []),
    ],
)
def test_the_verdict_comes_first(outcomes: list, head: str, said: list[tuple[str, str]]):
    page = validation.validation_page(found(*outcomes), "")
    assert f"<h1>{head}" in page
    verdict = re.findall(r'<li class="(\w+)">(.*?)</li>', page)
    assert [(state, text) for (state, _), (_, text) in zip(verdict, said, strict=True)] == said
    assert all(text in words(line) for (_, line), (_, text) in zip(verdict, said, strict=True))


def test_tables_with_failures_are_open_and_first_and_one_that_is_off_says_why():
    tables = [
        TableOutcomes("rounds", 9, "", [outcome()]),
        TableOutcomes("tags", 0, "models.tagger", []),
        TableOutcomes("scores", 9, "", [WARNING]),
        TableOutcomes("dataset", 9, "", [FAILING]),
    ]
    page = validation.validation_page([combine_results(tables)], "")
    parts = re.findall(r'<details class="part"( open)?>\n<summary><h2>(\w+)</h2> (.*?)</summary>', page)
    assert [(bool(is_open), name) for is_open, name, _ in parts] == [
        (True, "dataset"), (True, "scores"), (False, "rounds"), (False, "tags")
    ]  # fmt: skip
    assert words(parts[-1][2]) == "skipped: models.tagger switches it off"


def test_a_label_is_said_in_title_head_and_foot():
    page = validation.validation_page(found(outcome()), "DRY RUN, TOY")
    assert "<title>DRY RUN, TOY · evobuild validation</title>" in page
    assert "<strong>DRY RUN, TOY</strong>" in page and "DRY RUN, TOY: nothing here is a result." in page
    assert "DRY RUN" not in validation.validation_page(found(outcome()), "")


def test_what_rows_hold_is_shown_literally_and_the_page_needs_nothing_else(tmp_path: Path):
    results = validation.read_results(build(tmp_path, hostile).validation)
    page = validation.validation_page(results, "")
    for field in ("name", "wanted", "r0-00", "notes", "observed"):
        assert str(escape(hostile(field))) in page
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!report\.html|explorer/index\.html#)', page)


def test_long_values_are_cut():
    page = validation.validation_page(
        found(outcome(type="expect_column_values_to_be_in_set", kwargs={"value_set": ["x" * 9999]})), ""
    )
    assert "x" * 390 in page and "x" * 401 not in page


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "draw_svg", lambda *_: "")


@pytest.mark.usefixtures("without_charts")
def test_the_report_says_what_is_not_met_and_leads_to_the_page(tmp_path: Path):
    page = report.report_page(settings(), build(tmp_path))
    verdict = page.partition('<ul class="findings">')[2].partition("</ul>")[0]
    assert "1 of 3 checks of tables warn; look at the rows. First, ratings: 2 of 7,340 rows" in words(verdict)
    assert "expect_" not in verdict
    part = page.partition('id="contracts"')[2].partition('id="contamination"')[0]
    assert '<a href="validation.html">All 3 expectations</a>' in part
    assert "3 expectations, ratings: 1 not met" in words(part)
    assert part.count('class="state') == 1 and 'href="explorer/index.html#r1-01"' in part


def test_lines_name_what_is_critical_first():
    lines = list(validation.failure_lines(found(outcome(), WARNING, FAILING)))
    said = 'ratings: 3 of 210 rows (1.4%) break the rule "0 to 100"; difficulty is from 0 to 100'
    said += ", but not for a b, c"
    assert lines == [f"failed: {said}", f"warning: {said}"]


def test_a_file_that_is_no_result_is_named(tmp_path: Path):
    with pytest.raises(BadInput, match=r"tables\.json"):
        validation.read_results(tmp_path)
    (tmp_path / "tables.json").write_text('{"success": true}')
    with pytest.raises(BadInput, match=r"tables\.json: expected what the stage validate writes"):
        validation.read_results(tmp_path)
