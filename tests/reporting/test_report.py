"""The report: what it shows, that it shows it literally, and that it needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path

import polars as pl
import pytest
from markupsafe import escape
from reported import REAL, SIMULATED, build, hostile, settings
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.evolution_tables import CANDIDATE_FAILURES, CANDIDATES, TRAJECTORIES
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.measures import measure_of
from evobuild.core.rejects import REJECTS
from evobuild.core.yaml_files import read_yaml
from evobuild.reporting import charts, examples, explorer, first_screen, overlaid_charts, report
from evobuild.reporting.report import Sources
from evobuild.selection import compared_rows
from evobuild.text import word_differences

SCRIPTS = ("points", "run.js", "own")
"""Scripts of the page."""
EXPORTS = {
    "dataset.parquet",
    *("export/alpaca.json", "export/sharegpt.json", "export/messages.jsonl", "export/datasets/"),
    "export/prompt_completion.jsonl",
}
"""What the first screen links to."""


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, where a test is not about charts: they take most of the time."""
    for module in (charts, overlaid_charts):
        monkeypatch.setattr(module, "draw_svg", lambda *_: "")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return build(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def shown(plain: Sources) -> str:
    return report.report_page(settings(), plain)


def test_same_inputs_give_the_same_page(plain: Sources, shown: str):
    assert report.report_page(settings(), plain) == shown


@pytest.mark.usefixtures("without_charts")
def test_a_label_is_said_in_title_head_and_foot_with_who_is_to_blame(tmp_path: Path, shown: str):
    assert "DRY RUN" in shown and "evolver, optimizer, responder, judge" in shown
    toy = report.report_page(settings(REAL | {"judge": "simulated:small"}), build(tmp_path, label="TOY\n"))
    assert "<title>TOY · evobuild report</title>" in toy and "<strong>TOY</strong>" in toy
    assert "with no language model behind: judge." in toy and "in this pipeline: scorer, base toy." in toy
    losses = "toy</bdi> on held-out rows: 4.250 before training, 4.000 after, in nats per answer token"
    for label, page in (("DRY RUN", shown), ("TOY", toy)):
        assert f"{losses}; <strong>{label}</strong>, so" in page
    assert "TOY: nothing here is a result." in toy and "DRY RUN" not in toy


def test_the_chart_of_losses_has_the_label_in_its_title():
    drawn = charts.training({"toy": [{"step": 1.0, "loss": 3.5, "held_out_loss": None}]}, "DRY RUN")
    assert ">toy: loss (nats per answer token), DRY RUN<" in drawn


@pytest.mark.usefixtures("without_charts")
def test_without_a_label_nothing_is_called_a_dry_run(tmp_path: Path):
    page = report.report_page(settings(REAL), build(tmp_path, label=""))
    assert "DRY RUN" not in page and "TOY" not in page and "<title>evobuild report</title>" in page


def test_figures_are_shown(shown: str):
    assert "7,341" in shown  # rows in
    assert "7,300" in shown  # rows of r0: out of seed without the held-out 40
    assert "0.50 → 0.25" in shown and "0.500 → 0.250" in shown
    assert "counted evolve-r1" in shown and "reply evolve-r1" in shown


def test_shared_text_is_named_once_a_row_and_of_the_pools_at_hand(shown: str):
    part = shown.partition('id="contamination"')[2].partition('id="dataset"')[0]
    assert "7,654" in part and "6,543" in part and "25.00 %" in part
    assert re.findall(r'index.html#([^"]*)"', part) == ["r0-02", "r0-03"]
    assert hashlib.sha256(b"evaluation").hexdigest()[:16] in part and "held.parquet[8]" in part


WITHHELD = (
    *("overlap one two", "evaluation", "prompt 2", "base reply 2", "tuned reply a", "judgment"),
    *("not shown", "its question", "of a removed pool"),
)
"""What the tables have of evaluation sets, of benchmarks' items and of replies to them."""


def test_no_text_of_an_evaluation_row_is_in_the_page(tmp_path: Path):
    page = report.report_page(settings(), build(tmp_path, lambda field: f"<<{field}>>" * 3))
    assert not [field for field in WITHHELD if f"{field}>>" in html.unescape(page) or f">{field}<" in page]


def test_rows_that_share_text_with_a_set_are_no_examples(tmp_path: Path):
    page = report.report_page(settings(report={"examples": 9}), build(tmp_path))
    part = page[page.index('id="examples"') : page.index('id="difficulty"')]
    assert "r2-00" in part and "r2-02" not in part and "r2-03" not in part


def test_lineages_go_from_the_seed_through_all_rounds(shown: str):
    assert len(re.findall(r"<h4>(\w+)</h4>", shown)) == 6
    assert re.findall(r"<h4>(\w+)</h4>", shown)[:3] == ["seed", "r1", "r2"]
    assert "IC-IFD 2.125" in shown and "difficulty 42" in shown


FIELDS = (
    [f"{name}r{number}" for name in ("instruction", "input", "output", "operation") for number in range(3)]
    + ["domain0", "domain1", "role", "turn", "level", "usage model", "usage role", "failures", "feedback"]
    + ["method_e0", "method_best", "no method", "kind", "why", "evolved", "answer_w", "verdict", "evolver"]
    + ["place"]
    + ["failed reason", "failed operation", "failed domain"]
    + ["reason evolve-r1", "detail evolve-r1", "reply evolve-r1"]
    + ["counted seed", "counted select", "reply respond-r0"]
    + ["group", "evaluated model"]
    + ["lost reason"]
)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "draw_svg", lambda *_: "")
        return report.report_page(settings(), build(tmp_path_factory.mktemp("attacked"), hostile))


def test_text_of_a_row_appears_literally(attacked: str):
    assert [field for field in FIELDS if str(escape(hostile(field))) not in attacked] == []


def test_text_of_a_row_never_becomes_markup(attacked: str):
    assert attacked.count("<script") == attacked.count("</script>") == len(SCRIPTS)
    assert attacked.count("<ins>") == attacked.count("</ins>") > 0


def test_nothing_outside_the_page_is_asked_for(shown: str):
    targets = re.findall(r'(?:src|href|action)="([^"]*)"', shown)
    pages = {f"explorer/benchmarks/{name}.html" for name in ("sums", "talk")}
    assert {target.partition("#")[0] for target in targets} == {
        "",
        "explorer/index.html",
        "validation.html",
        "run.js",
        *pages,
        *EXPORTS,
    }
    assert not re.search(r"https?://|@import|<link|url\((?!#)", shown)


def test_the_policy_of_the_page_lets_its_own_scripts_run_alone(shown: str):
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', shown)[0])
    assert policy.startswith("default-src 'none';") and "'unsafe-inline'" not in policy.split("style-src")[0]
    [text] = re.findall(r"<script>(.*?)</script>", shown, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}' 'self' file:;" in policy


@pytest.mark.usefixtures("without_charts")
def test_strange_text_stays_readable(tmp_path: Path):
    sources = build(tmp_path, lambda field: f"{field}\0\x1b[0m\x85\u202e " + "א" * 30_000)
    page = report.report_page(settings(), sources)
    assert not re.search("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    assert "␀␛[0m�&lt;U+202E&gt;" in page and "more characters)" in page
    assert 'dir="auto"' in page and "overflow-wrap: anywhere" in page


@pytest.mark.usefixtures("without_charts")
def test_no_optimization_is_said(tmp_path: Path):
    sources = build(tmp_path)
    for name, kind in (("candidates", CANDIDATES), ("failures", CANDIDATE_FAILURES)):
        tables.write(sources.rows.optimization / f"{name}.parquet", tables.frame(kind, []))
    tables.write(sources.rows.optimization / "trajectories.parquet", tables.frame(TRAJECTORIES, []))
    evolve = read_yaml(SHIPPED_PARAMS)["evolve"]
    page = report.report_page(settings(evolve=evolve | {"strategy": "evol"}), sources)
    assert (
        "Nothing was optimized: rows evolve by operations, in turn. <bdi>default</bdi>: constraints" in page
    )
    page = report.report_page(settings(evolve=evolve | {"strategy": "auto", "method": "e0"}), sources)
    assert "Nothing was optimized" in page and "is e0, used as it stands" in page


def test_without_a_scorer_nothing_is_drawn_and_that_is_said(tmp_path: Path):
    sources = build(tmp_path)
    for pool in ("r0", "r1", "r2"):
        tables.write(
            sources.rows.measures / "scores" / f"{pool}.parquet", tables.frame(measure_of("score").schema, [])
        )
    page = report.report_page(settings(REAL | {"scorer": None}), sources)
    assert "Nothing was scored" in page and "Distribution of IC-IFD" not in page


@pytest.mark.usefixtures("without_charts")
def test_a_removed_pool_is_not_read(tmp_path: Path):
    sources = build(tmp_path)
    for folder in (sources.rows.responses, *sources.rows.measures.iterdir()):
        (folder / "r1.parquet").write_text("left behind")
    page = report.report_page(settings(pools={"r0": {}, "r2": {}}), sources)
    assert "counted respond-r2" in page and "counted respond-r1" not in page


@pytest.mark.usefixtures("without_charts")
def test_rounds_may_branch_or_be_none(tmp_path: Path):
    sources = build(tmp_path)
    alone = report.report_page(settings(rounds={}, pools={"r0": {}}), sources)
    assert re.findall(r"<h4>(\w+)</h4>", alone) == ["seed", "seed"]
    (sources.rows.rounds / "r2.parquet").rename(sources.rows.rounds / "r2b.parquet")
    for folder in (sources.rows.rejects, sources.counts):
        for path in sorted(folder.glob("evolve-r1.*")):
            (folder / f"evolve-r2b{path.suffix}").write_bytes(path.read_bytes())
    branched = settings(rounds={"r2b": {"parent": "r1"}, "r1": {"parent": "r0"}}, pools={"r0": {}})
    assert "evolve r2b" in report.report_page(branched, sources)


FILES = (
    "rounds/r1.parquet", "responses/r0.parquet", "measures/ratings/r2.parquet",
    "measures/scores/r1.parquet", "rejects/evolve-r1.parquet", "rejects/select.parquet",
    "counts/select.json", "counts/rate-r0.json",
    "optimization/candidates.parquet", "optimization/failures.parquet",
    "optimization/trajectories.parquet", "failure_counts", "keywords", "token_probability",
    "dataset", "curves/toy.csv", "evaluation/tuned.parquet", "downstream/counts/finetune-toy.json",
    "downstream/counts/gather.json", "downstream/counts/evaluate-base.json",
    "downstream/counts/compare.json", "figures.csv", "differences.csv", "comparisons",
    "evaluation.json", "downstream/rejects/finetune-toy.parquet",
)  # fmt: skip
"""What the report reads, some of each kind."""


@pytest.mark.parametrize("broken", [False, True], ids=["missing", "broken"])
@pytest.mark.usefixtures("without_charts")
def test_a_bad_file_is_named(tmp_path: Path, broken: bool):
    sources = build(tmp_path)
    for name in FILES:
        file = tmp_path / name
        content = file.read_bytes()
        file.write_text("{\n{") if broken else file.unlink()
        with pytest.raises(BadInput, match=re.escape(str(file))):
            report.report_page(settings(), sources)
        file.write_bytes(content)


@pytest.mark.usefixtures("without_charts")
def test_a_missing_label_is_named_with_its_stage(tmp_path: Path):
    sources = build(tmp_path)
    sources.label.unlink()
    with pytest.raises(BadInput, match=r"label.*the stage check writes it"):
        report.report_page(settings(), sources)


@pytest.mark.usefixtures("without_charts")
def test_a_lacking_parent_is_named(tmp_path: Path):
    sources = build(tmp_path)
    tables.write(sources.rows.rounds / "r1.parquet", tables.frame(INSTRUCTIONS, []))
    with pytest.raises(BadInput, match=r"r1\.parquet: no row 'r1-0\d'"):
        report.report_page(settings(), sources)


@pytest.mark.parametrize(
    ("before", "after", "parts"),
    [
        ("Name a bird.", "Name a bird.", [("equal", "Name a bird.")]),
        ("Name a bird.", "Name a red bird.", [("equal", "Name a "), ("insert", "red "), ("equal", "bird.")]),
        ("Name it.", "Name it. Now.", [("equal", "Name it. "), ("insert", "Now.")]),
        ("one", "two", [("delete", "one"), ("insert", "two")]),
        ("", "new", [("insert", "new")]),
        ("old", "", [("delete", "old")]),
        ("鳥の名前", "鳥の長い名前", [("equal", "鳥の"), ("insert", "長い"), ("equal", "名前")]),
        ("x" * 20_001, "y", [("equal", "y")]),
    ],
)
def test_texts_are_compared_word_by_word(before: str, after: str, parts: word_differences.WordDifferences):
    assert word_differences.compare_words(before, after) == parts


def row_of(key: str, round: str, domain: str) -> Instruction:
    """A row of which nothing else matters."""
    return Instruction(key, "", "", "", round, domain, (), "", "", "")


def test_examples_are_spread_over_domains():
    domains = ["a"] * 9 + ["b"] * 2 + ["c"]
    rows = [row_of(f"{number:02d}", "r0", domain) for number, domain in enumerate(domains)]
    table = tables.frame(INSTRUCTIONS, rows)
    picked = examples.draw_ids([table], 5, 1)
    domains = [rows[int(key)][5] for key in picked]
    assert domains == ["a", "b", "c", "a", "b"]
    assert picked == examples.draw_ids([table.reverse()], 5, 1)
    assert picked == examples.draw_ids(table.iter_slices(2), 5, 1)


def test_settings_are_shown_as_used(shown: str):
    settings_text = shown[shown.index("params.yaml as it was used") :]
    assert "evolver: simulated:small" in settings_text and "max_ifd: null" in settings_text


def test_charts_follow_the_colours_of_the_page(shown: str):
    drawn = re.findall(r'<svg role="img" aria-label="([^"]*)"', shown)
    assert len(drawn) == 10
    svg = "".join(re.findall(r"<svg role.*?</svg>", shown, re.DOTALL))
    assert "var(--accent)" in svg and not re.search("#[0-9a-f]{6}", svg)


def test_long_numbers_of_domains_are_summed_up(tmp_path: Path):
    rows = [row_of(f"{number:02d}", "r1", f"d{number:02d}") for number in range(23)]
    tables.write(tmp_path / "dataset.parquet", tables.frame(INSTRUCTIONS, rows))
    lines = first_screen.count_selected(first_screen.count_rows(tmp_path / "dataset.parquet"), ["r1"])
    assert len(lines) == 9 and lines[-1] == {"domain": "15 smaller domains", "pools": {"r1": 15}, "rows": 15}


@pytest.mark.usefixtures("without_charts")
def test_it_says_where_it_tells_of_drawn_rows_alone(plain: Sources, monkeypatch: pytest.MonkeyPatch):
    path = plain.rows.rejects / "select.parquet"
    lost = [(f"r1-{row:02d}", "below the cut", "", "") for row in range(4)]
    tables.write(path, tables.frame(REJECTS, lost))
    whole = "8 rows got as far as the cut. Each metric alone"
    assert whole in report.report_page(settings(), plain)
    monkeypatch.setattr(compared_rows, "COMPARED", 5)
    page = report.report_page(settings(), plain)
    assert "8 rows got as far as the cut; 5 of them are drawn, and compared here. Each metric alone" in page


@pytest.mark.usefixtures("without_charts")
def test_it_says_of_which_rows_the_explorer_is(plain: Sources, monkeypatch: pytest.MonkeyPatch):
    assert "The explorer</a> has all rows, to search" in report.report_page(settings(), plain)
    monkeypatch.setattr(explorer, "MOST", 6)
    page = report.report_page(settings(), plain)
    assert "has rows of 2 of 4 trees, those of selected rows first, to search" in page


@pytest.mark.usefixtures("without_charts")
def test_what_was_not_rated_is_said(tmp_path: Path):
    sources = build(tmp_path)
    for name in ("r0", "r1", "r2"):
        tables.write(
            sources.rows.measures / "ratings" / f"{name}.parquet", measure_of("rate").schema.to_frame()
        )
    rate = read_yaml(SHIPPED_PARAMS)["rate"] | {"measures": []}
    page = report.report_page(settings(rate=rate), sources)
    assert "Nothing was rated" in page and "not rated<br>" in page
    assert not re.search(r"\bnan\b", page)


def test_ratings_are_shown_with_their_denominator(shown: str):
    assert "7,340 of 7,341" in shown


@pytest.mark.usefixtures("without_charts")
def test_a_mean_difficulty_stands_beside_the_rows_that_it_is_over(plain: Sources):
    path = plain.rows.measures / "ratings" / "r1.parquet"
    known = tables.read(path, measure_of("rate").schema).sort("id")
    score = pl.when(pl.col("id") == known["id"][0]).then(None).otherwise("score").alias("score")
    tables.write(path, known.with_columns(score))
    shown = report.report_page(settings(), plain)
    for mean, rows in (("40.0", known.height), ("41.0", known.height - 1), ("42.0", known.height)):
        assert f'<td class="n">{mean}</td><td class="n">{rows}</td>' in shown


def test_the_chart_of_levels_tells_over_how_many_rows_a_mean_is():
    rows = [("a", "hard", 70.0), ("b", "easy", None), ("c", None, 30.0)]
    drawn = charts.plot_levels({"r1": pl.DataFrame(rows, measure_of("rate").schema, orient="row")})
    assert "mean 50.0 of 2" in drawn


def section(page: str) -> str:
    """The part of the page on diversity, reward and tags, without its charts."""
    text = page[page.index('<h2 id="measures">') : page.index('<h2 id="contamination">')]
    return re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)


@pytest.mark.usefixtures("without_charts")
def test_diversity_reward_and_tags_are_shown_as_far_as_they_were_measured(plain: Sources):
    shown = section(report.report_page(settings(), plain))
    # Distances 0, 0.25, 0.5 and 0.75 of each pool.
    cells = '<td class="n">0.3750</td><td class="n">0.3750</td><td class="n">1</td>'
    assert shown.count(cells) == 3 and "Euclidean (L2)" in shown
    assert "<h3>Reward" not in shown and "<h3>Tags" not in shown
    models = {"embedder": None, "reward": "some/model@1", "tagger": "simulated:large"}
    shown = section(report.report_page(settings(SIMULATED | models), plain))
    assert "<h3>Diversity" not in shown
    # Rewards -1, 0, 1 and 2 of evolved rows, all of as many tokens; 1, 2, 3 and 4 tags, 4 of them distinct.
    assert shown.count('<td class="n">0.500</td><td class="n">0.500</td>') == 4
    cells = '<td class="n">2.50</td><td class="n">1.00</td><td class="n">4</td>'
    assert shown.count(cells) == 3
    nothing = report.report_page(settings(SIMULATED | dict.fromkeys(models)), plain)
    assert "None was measured" in section(nothing)


def test_a_spread_is_drawn_of_pools_that_have_rows():
    drawn = charts.spread({"r1": pl.Series([0.0, 0.5]), "r2": pl.Series([0.5])}, "distance")
    assert drawn.count(">r1<") == 1 and drawn.count(">r2<") == 1 and ">distance<" in drawn


@pytest.mark.usefixtures("without_charts")
def test_the_funnel_of_a_branch_is_shown_with_what_each_step_lost(plain: Sources):
    tables.write(plain.rows.rounds / "autoif.parquet", INSTRUCTIONS.to_frame())
    found = report.report_page(settings(branches={"autoif": {}}), plain)
    part = found.partition('id="verified"')[2].partition('id="examples"')[0]
    assert "8,324" in part and "6,243" in part and "75 %" in part and "counted crosscheck" in part
    assert part.count('<th scope="row">entailment</th>') == 1 and '<td class="note">off</td>' in part
    assert "6,243 rows" in found.partition('id="counts"')[0]
    assert "<code>branches</code> is empty" in report.report_page(settings(), plain)
