"""Benchmarks in the report: figures with their intervals, every two models, verdicts, items side by side."""

from __future__ import annotations

import re
from pathlib import Path

import evaluated
import pytest
from evaluated import MODELS, replied
from reported import REAL, build, settings
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.evaluation_tables import COMPARISONS, EVALUATION
from evobuild.core.json_files import write_json
from evobuild.core.yaml_files import read_yaml
from evobuild.reporting import benchmark_chart, charts, evaluations, item_examples, report

SHIPPED = read_yaml(SHIPPED_PARAMS)


@pytest.fixture(autouse=True)
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "draw_svg", lambda *_: "")


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> evaluations.Sources:
    root = tmp_path_factory.mktemp("evaluated")
    (root / "counts").mkdir()
    (root / "rejects").mkdir()
    sources = evaluated.sources_in(root)
    evaluated.write(sources, root / "counts", root / "rejects")
    return sources


@pytest.fixture(scope="module")
def section(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The part of the page that is about benchmarks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "draw_svg", lambda *_: "")
        page = report.report_page(settings(), build(tmp_path_factory.mktemp("page")))
    return page.partition('<h2 id="evaluation">')[2].partition('<h2 id="usage">')[0]


def cells(text: str, table: int) -> list[list[str]]:
    """The texts of a table of some HTML, row by row."""
    rows = re.findall(r"<tr.*?</tr>", re.findall(r"<table.*?</table>", text, re.DOTALL)[table], re.DOTALL)
    return [
        [re.sub(r"<[^>]*>", " ", cell).split() for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]


def test_every_figure_has_its_interval_and_the_main_one_comes_first(section: str):
    head, sums, talk, turn = [[" ".join(cell) for cell in row] for row in cells(section, 0)]
    assert head == ["Benchmark", "Figure", "base", "tuned"]
    assert sums == [
        "sums", "accuracy", "0.5000 0.1500 to 0.8500, n 3,127", "1.0000 0.4385 to 1.0000, n 3,127",
    ]  # fmt: skip
    assert talk[1:] == ["score", "4.0000 2.5000 to 6.5000, n 3,127", "8.0000 no interval, n 3,127"]
    assert turn == ["talk", "first turn", "4.5000 2.0000 to 7.0000, n 3,127", "–"]
    assert "<b>1.0000</b>" in section and "<b>0.5000</b>" not in section
    assert "0.9999" not in section, "of a model that is no more"


def test_of_many_figures_the_first_are_shown():
    line = {"benchmark": "b", "headline": False, "higher_is_better": True, "model": "a", "value": 1.0}
    figures = [line | {"figure": f"f{number}"} for number in range(20)]
    figures += [line | {"figure": "main", "headline": True}, line | {"benchmark": "c", "figure": "f"}]
    shown, more = evaluations.first_lines(evaluations.figure_lines(figures))
    assert [each["figure"] for each in shown] == ["main", *(f"f{number}" for number in range(7)), "f"]
    assert more == {"b": 13}


def test_what_leads_is_the_least_of_a_loss():
    line = {"benchmark": "b", "figure": "loss", "headline": True, "higher_is_better": False}
    figures = [line | {"model": name, "value": value} for name, value in (("a", 2.0), ("b", 1.5), ("c", 1.5))]
    assert evaluations.figure_lines(figures)[0]["best"] == ["b", "c"]
    assert evaluations.figure_lines(figures[1:])[0]["best"] == [], "where all are the same none leads"


def test_two_models_are_compared_with_a_p_value(section: str):
    _, row = [[" ".join(cell) for cell in row] for row in cells(section, 1)]
    assert row == ["sums", "accuracy", "base − tuned", "−0.3333", "−1.0000 to +0.0000", "0.625", "3", "0.751"]
    assert "p (Holm) is corrected for the number of comparisons: 1 of main figures. Only" in section


def test_verdicts_are_counted_and_the_unread_stand_beside_them(section: str):
    _, row = [[" ".join(cell) for cell in row] for row in cells(section, 2)]
    assert row[:6] == ["talk", "tuned against base", "1 50.0 %", "1 50.0 %", "0 0.0 %", "1"]
    assert row[6:] == ["75.0 % 50.0 to 90.0", "50.0 %"]


def test_pairs_that_were_never_read_have_no_rate(where: evaluations.Sources, tmp_path: Path):
    pair = ("0", "talk", "a", 1, "tuned", "base", None, None, "What?", "What?")
    tables.write(tmp_path / "comparisons", tables.frame(COMPARISONS, [pair]))
    write_json(tmp_path / "metrics.json", {"DRY RUN": {"tuned": {}}})
    other = where._replace(comparisons=tmp_path / "comparisons", metrics=tmp_path / "metrics.json")
    [found] = evaluations.read_judged(other, MODELS)
    assert (found.verdicts, found.unread, found.figures) == (0, 1, {})
    assert evaluations.read_judged(other, ["base"]) == [], "of a model that is no more"
    write_json(tmp_path / "metrics.json", [])
    with pytest.raises(BadInput, match=r"metrics\.json: not the metrics"):
        evaluations.read_judged(other, MODELS)


def test_lost_items_and_unread_judgments_are_said(section: str):
    said = " ".join(re.sub(r"<[^>]*>", "", section).split())
    assert "tuned lost 1 of 4 items of sums" in said
    assert "1 of 4 judgments of base on talk cannot be read and are unknown" in said


def groups(where: evaluations.Sources, examples: int = 6, **higher: bool):
    found = item_examples.item_groups(where.evaluations, MODELS, higher or {"sums": True}, examples, 1)
    return {
        name: {group.title: [each.item for each in group.examples] for group in own}
        for name, own in found.items()
    }


def test_items_that_differ_most_and_those_at_both_ends(where: evaluations.Sources):
    # Of sums 2 alone differs, 1 and 10 are right for both, 9 is wrong for base and lost by tuned.
    assert groups(where) == {
        "sums": {"differ most": ["2"], "best": groups(where)["sums"]["best"], "worst": ["9"]}
    }
    assert set(groups(where)["sums"]["best"]) == {"1", "10"}
    assert groups(where, sums=False)["sums"]["best"] == ["9"], "of a loss the least is the best"
    assert groups(where, talk=True) == {"talk": {"differ most": ["a"], "best": ["a"], "worst": ["b"]}}
    assert groups(where, none=True) == {"none": {}}


def test_an_item_has_its_group_and_the_scores_of_both(where: evaluations.Sources):
    found = item_examples.item_groups(where.evaluations, MODELS, {"talk": True}, 6, 1)["talk"][0].examples[0]
    assert found == ("a", "group", {"base": 5.0, "tuned": 8.0})


def test_ties_do_not_always_show_the_first_items(tmp_path: Path):
    rows = {
        name: [replied(name, "sums", f"{n:03d}", float(name == "base")) for n in range(90)] for name in MODELS
    }
    for name, own in rows.items():
        tables.write(tmp_path / f"{name}.parquet", tables.frame(EVALUATION, own))
    [shown] = item_examples.item_groups(tmp_path, MODELS, {"sums": True}, 3, 1)["sums"]
    assert [each.item for each in shown.examples] != ["000", "001", "002"] and len(shown.examples) == 3


def test_without_a_model_it_is_said_and_nothing_is_read(tmp_path: Path):
    sources = build(tmp_path)
    for path in sources.evaluated.evaluations.iterdir():
        path.unlink()
    for path in (sources.evaluated.figures, sources.evaluated.differences):
        path.write_text(path.read_text().splitlines()[0] + "\n")
    none = settings(evaluate=SHIPPED["evaluate"] | {"models": {}})
    tables.write(sources.evaluated.comparisons, COMPARISONS.to_frame())
    page = report.report_page(none, sources)
    assert "<code>evaluate.models</code> is empty" in page and '<span class="gist">no model</span>' in page


def test_a_simulated_model_that_is_evaluated_is_named_in_a_dry_run(tmp_path: Path):
    sources = build(tmp_path)
    models = {"base": "simulated:small", "tuned": "transformers:models/tuned/toy"}
    one = settings(REAL, evaluate=SHIPPED["evaluate"] | {"models": models})
    assert "with no language model behind: evaluated base." in report.report_page(one, sources)


def test_a_table_of_figures_that_is_none_is_named(where: evaluations.Sources, tmp_path: Path):
    text = where.figures.read_text().replace("True,True,0.5", "maybe,True,0.5")
    (tmp_path / "figures.csv").write_text(text)
    with pytest.raises(BadInput, match=r"figures\.csv: not a readable table of .*'maybe' is neither"):
        evaluations.read_figures(tmp_path / "figures.csv", MODELS)


def test_main_figures_are_drawn_with_their_intervals(
    where: evaluations.Sources, monkeypatch: pytest.MonkeyPatch
):
    drawn = []
    monkeypatch.setattr(
        charts, "draw_svg", lambda draw, size, title: drawn.append((draw, size, title)) or "x"
    )
    lines = evaluations.figure_lines(evaluations.read_figures(where.figures, MODELS))
    assert benchmark_chart.draw_headlines(lines) == "x" and benchmark_chart.draw_headlines(()) == ""
    from matplotlib.figure import Figure

    figure = Figure()
    drawn[0][0](figure)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == ["sums: accuracy", "talk: score"]
    # A line and a point each, but tuned on talk has no interval.
    assert [len(axes.lines) for axes in panels] == [4, 3]
    assert list(panels[0].lines[0].get_xdata()) == [0.15, 0.85]
