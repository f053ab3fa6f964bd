"""What the report says of evolution: why e* is better than e0, what failed, what the evolver thinks up."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from reported import build, settings
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.evolution_tables import CANDIDATE_FAILURES, CANDIDATES
from evobuild.core.reasons import reason_meanings, reasons_of
from evobuild.core.yaml_files import read_yaml
from evobuild.reporting import charts, report


@pytest.fixture(autouse=True)
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: it takes most of the time."""
    monkeypatch.setattr(charts, "draw_svg", lambda *_: "")


@pytest.fixture
def shown(tmp_path: Path) -> str:
    return report.report_page(settings(), build(tmp_path))


def part(shown: str, title: str) -> str:
    """What stands between a heading and the next of its kind or above, without tags."""
    found = re.search(rf"<h([23])[^>]*>{re.escape(title)}</h\1>(.*?)<h[2\1]", shown, re.DOTALL)
    assert found, title
    return " ".join(re.sub(r"<svg.*?</svg>|<[^>]*>", " ", found[2], flags=re.DOTALL).split())


def test_a_reader_sees_what_e0_failed_on_and_what_of_it_is_mended(shown: str):
    told = part(shown, "Why the evolving method is better now")
    assert "0.500 → 0.250 λ, e0 → e* 2 → 1 of 4 development rows failed on 4 → 5 words" in told
    assert "It mends 2 of the rows that e0 failed on, and fails on 1 that e0 did not fail on." in told
    assert "One development row is 0.250 of λ" in told and "optimize.holdout keeps rows apart" in told
    kinds = part(shown, "What e0 and e* failed on")
    assert "unparsable the reply holds no instruction where it was to stand 1 1" in kinds
    assert "kind 1 0 All 2 1" in kinds
    assert "evolved the reply, 8 characters answer_w" in kinds and "truncated" not in kinds


def test_the_chosen_methods_are_shown_with_their_differences(shown: str):
    steps = part(shown, "Step by step")
    assert "1 0 0.250 5 e* read feedback 1 other candidate" in steps
    assert "1 1 – 0 no method Step 1" in steps
    assert "Step 1: what the chosen method changed, 2 rows read, of which failed: verdict 1" in steps
    assert steps.endswith("method_e0 method_best")
    assert part(shown, "e* against e0").endswith("method_e0 method_best")


def test_what_optimize_was_told_to_weigh_is_shown(tmp_path: Path):
    optimize = read_yaml(SHIPPED_PARAMS)["optimize"]
    page = report.report_page(
        settings(optimize=optimize | {"holdout": 9, "halving": 2, "difficulty_weight": 0.5}), build(tmp_path)
    )
    assert "the rows that no choice saw show by how much" in page
    assert "no reply came" not in page and ">Judged<" not in page
    for title in ("Rows", "Difficulty gain", "Objective", "λ unseen"):
        assert f'<th scope="col" class="n">{title}</th>' in page


def test_rows_that_nobody_was_judged_on_are_told_and_no_failures(tmp_path: Path):
    sources = build(tmp_path)
    candidates, failures = (
        sources.rows.optimization / f"{name}.parquet" for name in ("candidates", "failures")
    )
    found = tables.read(candidates, CANDIDATES)
    tables.write(candidates, found.with_columns(judged=pl.when("best").then(3).otherwise("judged")))
    failed = tables.read(failures, CANDIDATE_FAILURES)
    lost = failed.filter(row="y").with_columns(
        id=pl.lit("lost"), row=pl.lit("w"), reason=pl.lit("not judged")
    )
    tables.write(failures, pl.concat([failed, lost]))
    page = report.report_page(settings(), sources)
    told = part(page, "Why the evolving method is better now")
    assert "without those that no reply came for" in told
    assert "2 of 4 → 1 of 3 development rows failed on" in told
    assert "It mends 1 of the rows that e0 failed on, and fails on 1" in told
    assert "1 0 0.250 3 of 4 5 e*" in part(page, "Step by step")
    assert "not judged" not in page


def test_an_e0_that_stays_is_said_to_stay(tmp_path: Path):
    sources = build(tmp_path)
    path = sources.rows.optimization / "candidates.parquet"
    first = tables.read(path, CANDIDATES).with_columns(chosen=pl.col("step") == 0, best=pl.col("step") == 0)
    tables.write(path, first)
    page = report.report_page(settings(), sources)
    told = part(page, "The evolving method")
    assert "No rewritten method was better than e0, so e0 stays in use." in told and "mends" not in told
    assert "Step 1: 2 rows read, no method chosen." in part(page, "Step by step")


def test_failures_are_counted_by_round_with_their_share(shown: str):
    told = part(shown, "What failed")
    assert "of evolutions failed reason – 700 9.5 % 0 unparsable the reply holds no" in told
    assert "of answers sorry a short answer that only apologises 0 0 9 0.1 %" in told
    assert "r1 evolve method chat unparsable 30 900" in told


def test_every_reason_that_is_counted_is_explained():
    counted = {*reasons_of("evolve"), *reasons_of("respond")}
    assert len(counted) == 24 and all(reason_meanings()[reason] for reason in counted)


def test_the_evolvers_ideas_are_counted_and_their_lack_is_said(tmp_path: Path):
    sources = build(tmp_path)
    assert "Evolver Ways read Distinct phrases evolver 7 2" in part(
        report.report_page(settings(), sources), "What the evolver thinks up"
    )
    for path in (sources.keywords, sources.token_probability):
        path.write_text(path.read_text().splitlines()[0] + "\n")
    shown = part(report.report_page(settings(), sources), "What the evolver thinks up")
    assert "the replies that were read list none" in shown and "evolve.token_probability is off" in shown


def test_rows_lead_to_the_explorer(shown: str):
    assert '<a class="mono" href="explorer/index.html#r2-0' in shown
