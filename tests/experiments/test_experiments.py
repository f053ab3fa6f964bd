"""Recipes: the experiments that they make, what is run and queued of them, and how tables are laid out.

No experiment runs here; CI runs one recipe whole.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import polars as pl
import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.check.consistency import check_params
from evobuild.cli.plan.stage_estimates import Estimate, Most
from evobuild.core import csv_files, tables
from evobuild.core.errors import UserError
from evobuild.core.evolution_tables import FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import LEVELS, measure_of
from evobuild.core.rejects import REJECTS
from evobuild.evaluation.benchmarks import BENCHMARKS
from evobuild.evolution import keywords, optimization_history
from evobuild.evolution.method_records import Evaluation, FailedRow
from evobuild.evolution.optimization_history import Candidate
from evobuild.models.roles import CHAT_ROLES, is_dry_run
from experiments.recipe import (
    Bars,
    Lines,
    Measure,
    Recipe,
    Table,
    command,
    costs,
    measures,
    page,
    runs,
)
from experiments.recipe.design import NO_TOY, Experiment, evaluation_sets, experiments
from experiments.recipe.outs import Outs
from experiments.recipe.papers import STAND_INS

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "experiments").glob("*.py") if path.stem != "__init__")
DATA = {"gsm8k": Path("/data/gsm8k.jsonl"), "mine": Path("/data/mine.jsonl")}


def recipe_of(name):
    return importlib.import_module(f"experiments.{name}").RECIPE


@pytest.fixture
def applied(tmp_path):
    """Give params.yaml after `dvc exp run` has set what an experiment says, read strictly."""

    def read(experiment):
        shutil.copy(SHIPPED_PARAMS, tmp_path / "params.yaml")
        apply_overrides(str(tmp_path / "params.yaml"), experiment.overrides[1::2])
        # DVC reads what it wrote by another parser than ours.
        load_yaml(str(tmp_path / "params.yaml"))
        return load_all_params(tmp_path / "params.yaml")

    return read


def corners(found):
    """Experiments that differ from the first in one level at most: all levels, not all combinations."""
    first = found[0].labels.items()
    return [each for each in found if len(first - each.labels.items()) <= 1]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_sets_only_what_params_know(name, applied, monkeypatch):
    monkeypatch.chdir(ROOT)
    recipe = recipe_of(name)
    shipped = {name: {"items": f"{command.SHIPPED}/{name}.jsonl"} for name in BENCHMARKS}
    for each in corners(experiments(recipe, command.SAMPLE, {"seed.rows": "24"}, {}, shipped)):
        params = applied(each)
        check_params(params)
        assert not is_dry_run(params.models), "a role is left to a simulated model"


@pytest.mark.parametrize("name", NAMES)
def test_in_a_dry_run_every_model_is_simulated(name, applied):
    recipe = recipe_of(name).for_dry_run()
    for each in experiments(recipe, command.SAMPLE, recipe.dry, STAND_INS)[::2]:
        params = applied(each)
        assert all(getattr(params.models, role).simulated for role in CHAT_ROLES)
        assert {str(base.model) for base in params.bases.values()} <= {"models/scratch"}
        assert {model.engine for model in params.evaluate.models.values()} <= {"transformers"}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_runs_stages_that_there_are(name):
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    targets = recipe_of(name).targets
    assert targets
    assert set(targets) <= set(stages)


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_of_a_recipe_differs(name):
    found = [each.overrides for each in experiments(recipe_of(name), DATA, {}, STAND_INS)]
    assert len({tuple(overrides) for overrides in found}) == len(found)


def test_the_readme_lists_every_recipe():
    text = (ROOT / "experiments/README.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in text] == []


NOTHING = Measure(("rate",), lambda outs: pl.DataFrame())
SMALL = Recipe(
    title="Tiny",
    source="a paper",
    data={"gsm8k": 7_473},
    factors={
        "evolver": {
            "LLM": {"models.evolver": "vllm:large"},
            "SLM": {"models.evolver": "vllm:small", "evolve.top_p": "0.5"},
        },
        "m": {"1": {"optimize.candidates": "1"}, "3": {"optimize.candidates": "3"}},
    },
    settings={"evolve.top_p": "0.9", "~rounds.r3": ""},
    dry={"seed.rows": "30"},
    views=(Table("t", NOTHING, rows=("evolver",), columns=("data",), cells={"n": pl.len()}),),
)


def test_data_vary_slowest_and_the_last_factor_fastest():
    found = experiments(SMALL, DATA, {}, {})
    assert [tuple(each.labels.values()) for each in found] == [
        (data, evolver, m) for data in DATA for evolver in ("LLM", "SLM") for m in ("1", "3")
    ]
    assert {each.targets for each in found} == {("rate",)}


def test_a_level_goes_before_the_recipe_and_the_command_line_before_both():
    def top_p(settings):
        return [each.settings["evolve.top_p"] for each in experiments(SMALL, DATA, settings, {})[:4]]

    assert top_p({}) == ["0.9", "0.9", "0.5", "0.5"]
    assert top_p({"evolve.top_p": "1.0"}) == ["1.0"] * 4


def test_settings_become_words_of_dvc():
    first = experiments(SMALL, DATA, {"seed.rows": "5"}, {"vllm:large": "openai:big"})[0]
    none = Experiment({}, dict(NO_TOY), ()).overrides
    assert first.overrides[: len(none)] == none
    assert first.overrides[len(none) :] == [
        "-S", "evolve.top_p=0.9", "-S", "~rounds.r3", "-S", "seed.source=/data/gsm8k.jsonl",
        "-S", "seed.domain=math", "-S", "models.evolver=openai:big", "-S", "optimize.candidates=1",
        "-S", "seed.rows=5",
    ]  # fmt: skip


def test_a_data_set_that_no_paper_names_keeps_its_domains():
    assert "seed.domain" not in experiments(SMALL, {"mine": Path("/a")}, {}, {})[0].settings


@pytest.mark.parametrize(
    "path",
    ["/data/two words.json", "/data/a,b.json", "/data/it's.json", "/data/{a}=[b].json", "/data/ü.json"],
)
def test_a_path_with_signs_of_dvc_s_own_is_quoted(path, tmp_path):
    from dvc.utils.hydra import apply_overrides

    file = tmp_path / "params.yaml"
    file.write_text("seed: {source: a}\nevolve: {top_p: 1}\nrounds: {r3: a}\nmodels: {evolver: a}\n")
    settings = experiments(SMALL, {"mine": Path(path)}, {}, {})[0].settings
    apply_overrides(file, [f"seed.source={settings['seed.source']}"])
    assert yaml.safe_load(file.read_text())["seed"]["source"] == path


def test_an_experiment_is_named_by_all_that_it_runs_on():
    one = Experiment({"data": "gsm8k", "method": "Auto, e0"}, {"a": "1"}, ("rate",))
    name = one.name("cost", "commit", "content")
    assert name.startswith("cost-gsm8k-auto-e0-")
    assert name == one.name("cost", "commit", "content")
    others = {
        one.name("cost", "another", "content"),
        one.name("cost", "commit", "another"),
        one._replace(settings={"a": "2"}).name("cost", "commit", "content"),
        one._replace(targets=("respond",)).name("cost", "commit", "content"),
    }
    assert len(others | {name}) == 5


SCORES = pl.DataFrame(
    {
        "round": ["r0", "r1", "r1", "r1", "r0", "r1"],
        "evolver": ["LLM", "LLM", "LLM", "SLM", "SLM", "SLM"],
        "data": ["gsm8k"] * 3 + ["gsm8k", "mine", "mine"],
        "score": [10.0, 20.0, 25.0, 40.0, 5.0, None],
    }
)
MEANS = Table(
    "Means",
    NOTHING,
    rows=("round", "evolver"),
    columns=("data",),
    cells={"score": pl.col("score").mean()},
    published={("r1", "LLM", "gsm8k", "score"): 30.5},
)


def test_a_table_has_rows_and_columns_in_the_order_of_the_recipe():
    assert MEANS.markdown(SCORES, Path("unused"), dry=False).splitlines() == [
        "| round | evolver | gsm8k | mine |",
        "| --- | --- | ---: | ---: |",
        "| r0 | LLM | 10.00 | – |",
        "| r0 | SLM | – | 5.00 |",
        "| r1 | LLM | 22.50 (paper 30.50) | – |",
        "| r1 | SLM | 40.00 | – |",
    ]


def test_every_figure_of_a_dry_run_says_so_and_none_stands_beside_the_paper_s():
    lines = MEANS.markdown(SCORES, Path("unused"), dry=True).splitlines()[2:]
    cells = [cell.strip() for line in lines for cell in line.split("|")[3:5]]
    assert set(cells) == {"–", "DRY RUN 10.00", "DRY RUN 5.00", "DRY RUN 22.50", "DRY RUN 40.00"}


def test_several_cells_stand_beside_one_another_and_counts_have_no_fraction():
    table = Table(
        "Sums",
        NOTHING,
        rows=("evolver",),
        columns=("data",),
        cells={"rows": pl.len() * 1000, "missing": pl.lit(None, pl.Float64), "score": pl.col("score").sum()},
        digits=1,
    )
    assert table.markdown(SCORES.filter(data="gsm8k"), Path("unused"), dry=False).splitlines() == [
        "| evolver | gsm8k · rows | gsm8k · missing | gsm8k · score |",
        "| --- | ---: | ---: | ---: |",
        "| LLM | 3,000 | – | 55.0 |",
        "| SLM | 1,000 | – | 40.0 |",
    ]


def test_a_bar_in_a_label_does_not_end_its_cell():
    rows = SCORES.with_columns(evolver=pl.lit("a|b"))
    assert "| r0 | a\\|b |" in MEANS.markdown(rows, Path("unused"), dry=False)


class Folder(Outs):
    """Outs that lie in a folder."""

    def __init__(self, folder):
        super().__init__("none")
        self.folder = folder

    def fetch_file(self, name):
        return self.folder / name


@pytest.fixture
def outs(tmp_path, row):
    """An experiment of one round: four rows; one is lost in evolution, one answer fails, one is unrated."""
    params = yaml.safe_load(SHIPPED_PARAMS.read_text())
    params["rounds"], params["pools"] = {"r1": {"parent": "r0"}}, {"r0": {}, "r1": {}}
    params["select"]["pools"] = "all"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))

    def write(name, schema, rows):
        path = tmp_path / f"data/{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        tables.write(path, tables.frame(schema, rows))

    seeds = [row(f"Name {number} rivers.", id=f"s{number}") for number in range(4)]
    children = [
        row("Name a very long river.", id=f"c{number}", round="r1", evolver="m") for number in range(3)
    ]
    write("rounds/r0", INSTRUCTIONS, seeds)
    write("rounds/r1", INSTRUCTIONS, children)
    write("responses/r1", INSTRUCTIONS, children[:2])
    write("rejects/evolve-r1", REJECTS, [("s3", "unchanged", "", "")])
    write("rejects/respond-r1", REJECTS, [("c2", "sorry", "", "")])
    write(
        "measures/ratings/r0",
        measure_of("rate").schema,
        [(f"s{number}", "easy", 10.0 * number) for number in range(4)],
    )
    write("measures/ratings/r1", measure_of("rate").schema, [("c0", "hard", 60.0), ("c1", "very hard", 90.0)])
    kept = [("c0", 0, 9, 3, "…", [0.97, 0.52, 0.99], ""), ("c1", 0, 9, 1, "…", None, "")]
    write("replies/r1", REPLIES, kept)
    lost = ("s3-0", "s3", 0, "evol", "deepening", "chat", "unchanged", "", "…", [0.5] * 5 + [0.97])
    write("failures/r1", FAILURES, [lost])
    with Folder(tmp_path) as found:
        yield found


SCORED = [
    ("c0", 9, 7, False, 2.0, 1.0, 2.0, 0.5, 0.4, 0.25),
    ("c1", 5, 7, False, 2.5, 1.0, 2.0, 0.6, 0.4, 0.2),
]


def test_scores_distances_and_rewards_are_measured_by_round(outs):
    def write(name, schema, rows):
        (outs.folder / f"data/{name}").parent.mkdir(parents=True, exist_ok=True)
        tables.write(outs.folder / f"data/{name}.parquet", tables.frame(schema, rows))

    for name, rows in (("r0", []), ("r1", SCORED)):
        write(f"measures/scores/{name}", measure_of("score").schema, rows)
        write(
            f"measures/diversity/{name}",
            measure_of("diversity").schema,
            [(row[0], "c9", row[-1]) for row in rows],
        )
    write("measures/rewards/r1", measure_of("reward").schema, [("c1", 1.5, 4, 1.25)])
    assert measures.SCORED.read(outs).rows() == [("r1", "c0", 0.5, 0.25), ("r1", "c1", 0.6, 0.2)]
    assert measures.DISTANCES.read(outs).rows() == [("r1", "c0", 0.25), ("r1", "c1", 0.2)]
    assert measures.REWARDED.read(outs).rows() == [
        ("r1", "c0", None, None, None), ("r1", "c1", 1.5, 4, 1.25), ("r1", "c2", None, None, None)
    ]  # fmt: skip


def test_rewards_are_scaled_by_length_both_ways(outs):
    rows = [("c0", 2.0, 2, 4.0), ("c1", 3.0, 6, 2.0)]
    (outs.folder / "data/measures/rewards").mkdir(parents=True)
    tables.write(
        outs.folder / "data/measures/rewards/r1.parquet", tables.frame(measure_of("reward").schema, rows)
    )
    table = recipe_of("rewards").views[1]
    # (2 · 2 + 3 · 6) / 2 / 4; a row without a reward does not count.
    assert measures.REWARDED.read(outs).select(**table.cells).rows() == [(3.0, 2.75)]


def test_rows_are_known_by_whether_they_were_selected(outs, row):
    (outs.folder / "data/measures/scores").mkdir(parents=True)
    for name, scored in (("r0", []), ("r1", SCORED)):
        tables.write(
            outs.folder / f"data/measures/scores/{name}.parquet",
            tables.frame(measure_of("score").schema, scored),
        )
    chosen = tables.frame(INSTRUCTIONS, [row("Name a very long river.", id="c1")])
    tables.write(outs.folder / "data/dataset.parquet", chosen)
    assert measures.SELECTED.read(outs).rows() == [("r1", "c0", 0.5, False), ("r1", "c1", 0.6, True)]


def test_selections_overlap_where_every_scorer_takes_a_row():
    found = {"plain": {"a": 0.9, "b": 0.5, "c": 1.5}, "experienced": {"a": 0.7, "b": 0.8, "c": 1.0}}
    taken = {("plain", "a"), ("plain", "b"), ("experienced", "b")}
    rows = [
        {"data": "alpaca", "scorer": scorer, "id": key, "ifd": ifd, "selected": (scorer, key) in taken}
        for scorer, scores in found.items()
        for key, ifd in scores.items()
    ]
    (table,) = recipe_of("cherry").views
    assert table.markdown(pl.DataFrame(rows), Path("unused"), dry=False).splitlines()[2:] == [
        "| plain | 3 | 0.97 | 33.33 | 2 | 50.00 |",
        "| experienced | 3 | 0.83 | 33.33 | 1 | 100.00 |",
    ]
    alone = table.markdown(pl.DataFrame(rows[:3]), Path("unused"), dry=False)
    assert "| plain | 3 | 0.97 | 33.33 | 2 | – |" in alone, "the other has not run"


def test_a_metric_cuts_the_scored_rows_of_the_last_pool(outs):
    path = outs.folder / "data/measures/scores/r1.parquet"
    path.parent.mkdir(parents=True)
    tables.write(path, tables.frame(measure_of("score").schema, SCORED))
    cuts = measures.CUTS.read(outs)
    assert cuts["share"].unique(maintain_order=True).to_list() == ["5%", "10%", "15%", "25%"]
    quarter = (
        cuts.filter(share="25%").select("metric", "id", "words", "difficulty", "ic_ifd", "shared").rows()
    )
    assert quarter == [
        (measures.ALL, "c0", 5, 60.0, 0.25, True),
        (measures.ALL, "c1", 5, 90.0, 0.2, False),
        ("ic_ifd", "c0", 5, 60.0, 0.25, True),
        ("ifd", "c1", 5, 90.0, 0.2, False),
        ("perplexity", "c0", 5, 60.0, 0.25, True),
        ("length", "c1", 5, 90.0, 0.2, False),
        ("difficulty", "c1", 5, 90.0, 0.2, False),
    ]


def test_distances_are_shares_of_equal_bins_the_last_of_which_is_open():
    binned = recipe_of("neighbour_distance").views[0].prepare
    rows = [("r1", "a", 0.0), ("r1", "b", 0.009), ("r2", "c", 1.9), ("r2", "d", 0.05)]
    frame = pl.DataFrame(rows, ["round", "id", "distance"], orient="row").with_columns(data=pl.lit("x"))
    found = binned(frame).filter(pl.col("share") > 0)
    assert found.select("distance", "share").rows() == [(0.0, 0.5), (0.05, 0.25), (0.99, 0.25)]


def test_rows_are_measured_with_those_that_were_lost(outs):
    rows = measures.ROWS.read(outs).sort("round", "id").select("round", "id", "words", "score", "reason")
    assert rows.rows() == [
        ("r0", "s0", 3, 0.0, None),
        ("r0", "s1", 3, 10.0, None),
        ("r0", "s2", 3, 20.0, None),
        ("r0", "s3", 3, 30.0, None),
        ("r1", "c0", 5, 60.0, None),
        ("r1", "c1", 5, 90.0, None),
        ("r1", "c2", 5, None, None),
        ("r1", "s3", None, None, "unchanged"),
    ]


def test_an_evolved_row_is_known_by_whether_its_answer_stands(outs):
    rows = measures.ANSWERED.read(outs).sort("id").select("round", "id", "score", "stands").rows()
    assert rows == [("r1", "c0", 60.0, True), ("r1", "c1", 90.0, True), ("r1", "c2", None, False)]


def test_failures_are_counted_by_kind_with_zeros(outs):
    failing = measures.FATES.read(outs).with_columns(evolver=pl.lit("SLM"))
    fine = failing.with_columns(evolver=pl.lit("LLM"), reason=pl.lit(None, pl.String))
    found = measures.kinds("evolver", "stage")(pl.concat([fine, failing]))
    assert found.select("evolver", "stage", "reason", "rows", "of").rows() == [
        ("LLM", "evolve", "any", 0, 4),
        ("LLM", "evolve", "unchanged", 0, 4),
        ("LLM", "respond", "any", 0, 3),
        ("LLM", "respond", "sorry", 0, 3),
        ("SLM", "evolve", "any", 1, 4),
        ("SLM", "evolve", "unchanged", 1, 4),
        ("SLM", "respond", "any", 1, 3),
        ("SLM", "respond", "sorry", 1, 3),
    ]


def test_probabilities_are_counted_at_every_position(outs):
    found = measures.PROBABILITIES.read(outs).filter(pl.col("positions") > 0)
    assert found.rows() == [("r1", 0.5, 6, 6), ("r1", 0.95, 3, 2)]
    first, later = (found.with_columns(round=pl.lit(name), data=pl.lit("x")) for name in ("r1", "r2"))
    shares = recipe_of("token_probability").views[0].prepare(pl.concat([first, later]))
    assert shares.select("share", "first_share").rows() == [(6 / 9, 6 / 8), (3 / 9, 2 / 8)]


def test_only_what_was_evolved_can_be_lost(outs):
    rows = measures.ROWS.read(outs)
    assert rows.group_by("round").agg(lost=measures.LOST).sort("round").rows() == [("r0", None), ("r1", 25.0)]
    assert measures.evolved(rows).select(lost=measures.LOST).item() == 25.0


def test_the_seed_is_shown_once(outs):
    rows = measures.ROWS.read(outs)
    frame = pl.concat([rows.with_columns(evolver=pl.lit(name), data=pl.lit("a")) for name in ("LLM", "SLM")])
    table = Table(
        "Rows", NOTHING, ("round", "evolver"), (), {"rows": pl.len()}, measures.seed_once("evolver")
    )
    assert table.markdown(frame, Path("unused"), dry=False).splitlines()[2:] == [
        "| r0 | seed | 4 |", "| r1 | LLM | 4 |", "| r1 | SLM | 4 |"
    ]  # fmt: skip


def test_usage_counts_stored_replies_too(outs):
    asked = {"requests": 5, "prompt_tokens": 11, "completion_tokens": 22}
    (outs.folder / "data/counts").mkdir()
    for name in ("optimize", "evolve-r1", "respond-r0", "respond-r1"):
        counts = {"in": 9, "asked": [{"purposes": {"p": asked}}]}
        (outs.folder / f"data/counts/{name}.json").write_text(json.dumps(counts))
    assert measures.USAGE.read(outs).rows() == [
        ("optimize", 5, 33), ("evolve", 5, 33), ("respond", 5, 33), ("respond", 5, 33)
    ]  # fmt: skip


def test_keywords_are_counted_as_the_pipeline_does(outs):
    (outs.folder / "metrics").mkdir()
    listed = [
        keywords.MethodList("c0", "r1", "m", ("add steps", "add a limit")),
        keywords.MethodList("c1", "r1", "m", ()),
    ]
    one = keywords.Keyword("c0-1", "c0", "r1", "m", "add steps", "add step", "Add step")
    named = [one, one._replace(id="c0-2", reply="add step")]
    figures = keywords.keyword_metrics(listed, named, ["r1"])
    (outs.folder / "metrics/keywords.json").write_text(json.dumps(figures))
    assert measures.KEYWORDS.read(outs).to_dicts() == [
        {"replies": 2, "methods": 2, "distinct": 1, "as_published": 2}
    ]


def test_an_optimization_is_measured_as_the_pipeline_writes_it(outs):
    (outs.folder / "metrics").mkdir()
    rows = frozenset("abcd")
    evaluation = Evaluation(rows, tuple(FailedRow(row, "evolve", "empty", "", "", "") for row in "ab"))
    first = Candidate(0, 0, "", "three words here", evaluation=evaluation, objective=0.5, chosen=True)
    better = Candidate(
        1, 0, "", "two words", evaluation=Evaluation(rows), holdout=evaluation, objective=0.0, chosen=True
    )
    history = optimization_history.History([first, better], calls=40, best=better)
    (outs.folder / "metrics/optimization.json").write_text(
        json.dumps(optimization_history.optimization_metrics(history))
    )
    csv_files.write_csv(
        outs.folder / "metrics/optimization.csv", optimization_history.optimization_curve(history)
    )
    found = measures.OPTIMIZATION.read(outs)
    table = recipe_of("optimization_candidates").views[0]
    assert found.select(**table.cells).rows() == [(0.5, 0.0, None, 0.5, 1, 2, 40)]
    curve = measures.CURVE.read(outs).select("step", "failure_rate", "holdout_rate", "words")
    assert curve.rows() == [(0, 0.5, None, 3), (1, 0.0, 0.5, 2)]


def test_a_child_stands_beside_its_parent_with_all_that_is_asked(outs, row):
    write = outs.folder / "data/rounds/r1.parquet"
    parent = row("Name 1 rivers.", id="s1")
    child = parent._replace(
        id="c1", parent_id="s1", operation="deepening", instruction="Name it.", input="In Asia."
    )
    tables.write(write, tables.frame(INSTRUCTIONS, [child]))
    assert measures.EVOLVED.read(outs).rows() == [
        ("r1", "c1", "s1", "deepening", "Name 1 rivers.", "Name it.\nIn Asia.")
    ]


def test_overlaps_are_shares_of_rows_and_of_questions(outs):
    (outs.folder / "data/counts").mkdir()
    hit = {"13-gram": {"rows": 1, "questions": 1}, "8-gram": {"rows": 3, "questions": 2}}
    pools = {
        "r0": {"rows": 4, "hit": hit},
        "r1": {"rows": 0, "hit": {name: {"rows": 0, "questions": 0} for name in hit}},
    }
    ledger = {"in": 4, "out": 4, "rejects": {}, "questions": 8, "pools": pools}
    (outs.folder / "data/counts/decontaminate-held_out.json").write_text(json.dumps(ledger))
    frame = measures.OVERLAPS.read(outs).with_columns(data=pl.lit("a"))
    by_rows, by_questions = (
        view.markdown(frame, Path("unused"), dry=False).splitlines()[2:]
        for view in recipe_of("contamination").views
    )
    assert by_rows == ["| held_out | r0 | 25.00 | 75.00 |", "| held_out | r1 | – | – |"]
    assert by_questions == ["| held_out | r0 | 12.50 | 25.00 |", "| held_out | r1 | 0.00 | 0.00 |"]


def test_a_model_is_known_by_its_figures(outs):
    (outs.folder / "metrics").mkdir()
    csv = "model,benchmark,figure,headline,value,error,low,high,units\ntoy,held_out,loss,true,2,,,,1\n"
    (outs.folder / "metrics/evaluation.csv").write_text(csv)
    assert measures.BENCHMARKS.read(outs).rows() == [("toy", "held_out", "loss", True, 2.0, None, None)]


def test_what_is_trained_on_is_measured_by_itself(outs, row):
    chosen = [row("Name a very long river.", id="c1"), row("Name two.", id="c2")]
    tables.write(outs.folder / "data/dataset.parquet", tables.frame(INSTRUCTIONS, chosen))
    assert sorted(measures.DATASET.read(outs).rows()) == [("c1", 5, 90.0), ("c2", 2, None)]


HISTOGRAM = Lines("Bins", NOTHING, "step", pl.len(), "rows", series=("evolver",), last_edge=4.0)
LINES = Lines("Scores", NOTHING, x="step", y=pl.col("score").mean(), y_title="score", series=("evolver",))
BARS = Bars("Levels", NOTHING, bars=("round", "evolver"), part="level", order=LEVELS)
DRAWN = pl.DataFrame(
    {
        "data": ["$a_1$ <b>", "$a_1$ <b>", "c"],
        "evolver": ["LLM", "SLM", "LLM"],
        "round": ["r0", "r1", "r1"],
        "step": [1, 2, 3],
        "level": ["easy", "hard", "hard"],
        "score": [1.0, 2.0, None],
    }
)


@pytest.mark.parametrize("chart", [LINES, HISTOGRAM, BARS], ids=["lines", "histogram", "bars"])
def test_a_chart_is_a_drawing_whose_labels_are_text(chart, tmp_path):
    files = [tmp_path / "one.svg", tmp_path / "two.svg"]
    assert [chart.markdown(DRAWN, file, dry=True) for file in files] == [
        f"![{chart.title}](one.svg)", f"![{chart.title}](two.svg)"
    ]  # fmt: skip
    assert files[0].read_bytes() == files[1].read_bytes()
    words = ["".join(text.itertext()) for text in ET.parse(files[0]).iter("{http://www.w3.org/2000/svg}text")]
    assert {"$a_1$ <b>", "c"} <= set(words)
    assert words.count("DRY RUN") == 2
    chart.markdown(DRAWN, files[1], dry=False)
    assert "DRY RUN" not in files[1].read_text()


@pytest.mark.parametrize("chart", [LINES, HISTOGRAM, BARS], ids=["lines", "histogram", "bars"])
def test_a_chart_of_nothing_says_so(chart, tmp_path):
    assert chart.markdown(DRAWN.clear(), tmp_path / "none.svg", dry=False) == "Nothing was measured."


@pytest.fixture
def dvc(monkeypatch, tmp_path):
    """Stand in for DVC: remembers what is run and queued; what is run has finished."""

    class Fake:
        def __init__(self):
            self.done, self.queued, self.ran, self.pages = set(), [], [], []

        def now(self, name, overrides, targets):
            self.ran.append(name)
            self.done.add(name)

        def queue(self, name, overrides, targets):
            self.queued.append(name)

    fake = Fake()
    monkeypatch.setattr(runs, "commit", lambda: "commit")
    monkeypatch.setattr(runs, "finished", lambda: set(fake.done))
    monkeypatch.setattr(runs, "waiting", lambda: set(fake.queued))
    monkeypatch.setattr(runs, "now", fake.now)
    monkeypatch.setattr(runs, "queue", fake.queue)
    monkeypatch.setattr(page, "written", lambda name, recipe, found: fake.pages.append(list(found)) or "page")
    (tmp_path / "rows.jsonl").write_text('{"instruction": "a"}\n')
    fake.data = f"gsm8k={tmp_path / 'rows.jsonl'}"
    return fake


def test_a_dry_run_runs_what_is_missing_one_after_the_other(dvc, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    command.main("tiny", SMALL, ["--dry-run"])
    assert [name.rsplit("-", 1)[0] for name in dvc.ran] == [
        "tiny-sample-llm-1", "tiny-sample-llm-3", "tiny-sample-slm-1", "tiny-sample-slm-3"
    ]  # fmt: skip
    assert dvc.pages == [dvc.ran]
    assert capsys.readouterr().out == "page"
    command.main("tiny", SMALL, ["--dry-run"])
    assert len(dvc.ran) == 4


def test_other_models_are_queued_once_and_shown_as_they_finish(dvc, capsys):
    command.main("tiny", SMALL, ["--data", dvc.data])
    assert (len(dvc.queued), dvc.ran, dvc.pages) == (4, [], [])
    assert "dvc queue start" in capsys.readouterr().err
    done = dvc.queued.pop()
    dvc.done.add(done)
    waiting = list(dvc.queued)
    command.main("tiny", SMALL, ["--data", dvc.data])
    assert dvc.queued == waiting
    assert dvc.pages == [[done]]
    assert "1 of 4" in capsys.readouterr().err


def test_a_dry_run_is_small_unless_rows_are_asked_for(monkeypatch, dvc):
    given = []
    monkeypatch.setattr(costs, "table", lambda wanted: given.extend(wanted) or "")
    for words in ([], ["--rows", "7"]):
        command.main("tiny", SMALL, ["--plan", "--dry-run", "--data", dvc.data, *words])
    command.main("tiny", SMALL, ["--plan", "--data", dvc.data])
    assert [each.settings.get("seed.rows") for each in given[::4]] == ["30", "7", None]


def test_changed_data_is_another_experiment(dvc, tmp_path):
    command.main("tiny", SMALL, ["--data", dvc.data])
    (tmp_path / "rows.jsonl").write_text('{"instruction": "b"}\n')
    command.main("tiny", SMALL, ["--data", dvc.data])
    assert len(dvc.queued) == 8


def test_evaluation_sets_are_set_and_what_is_in_them_names_an_experiment(dvc, tmp_path, monkeypatch):
    looking = dataclasses.replace(SMALL, views=recipe_of("contamination").views)
    test = tmp_path / "test.jsonl"
    for content in ("a", "b"):
        test.write_text(f'{{"question": "{content}"}}\n')
        command.main("tiny", looking, ["--data", dvc.data, "--set", f"gsm8k={test}"])
    command.main("tiny", looking, ["--data", dvc.data])
    assert len(set(dvc.queued)) == 12
    assert evaluation_sets({"gsm8k": test}) == {"+decontaminate.sets.gsm8k": str(test)}
    with pytest.raises(UserError, match="--set gsm8k=/nowhere: no such file"):
        command.main("tiny", looking, ["--data", dvc.data, "--set", "gsm8k=/nowhere"])
    with pytest.raises(SystemExit):
        command.main("tiny", SMALL, ["--data", dvc.data, "--set", f"gsm8k={test}"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--data gsm8k=FILE"),
        (["--data", "gsm8k=/nowhere.json"], "/nowhere.json: no such file"),
        (["--data", "/nowhere.json"], "expected two parts"),
        (["--data", "My Data=/nowhere.json"], "small letters"),
        (["--dry-run", "--use", "gpt"], "expected two parts"),
        (["--dry-run", "-S", "evolve.top_p"], "expected two parts"),
    ],
)
def test_a_wrong_command_line_is_said(words, said, dvc):
    with pytest.raises(UserError, match=said):
        command.main("tiny", SMALL, words)


def test_plans_are_summed_and_an_unknown_price_makes_a_cost_unknown(monkeypatch):
    stage = Estimate("rate@r0", calls=1200, stored=3, tokens=50, cost=0.25, most=Most(calls=1500))
    plans = [
        [Estimate("seed"), stage, stage],
        [stage, dataclasses.replace(stage, cost=None, stored=None)],
    ]
    monkeypatch.setattr(costs.plan, "plan_stages", lambda *_: costs.plan.Plan(plans.pop(0)))
    wanted = [Experiment({"data": "a", "evolver": name}, {}, ()) for name in ("LLM", "SLM")]
    assert costs.table(wanted).splitlines()[2:] == [
        "| a | LLM | 2,400 | 3,000 | 6 | 100 | 0.50 |",
        "| a | SLM | 2,400 | 3,000 | 3 | 100 | – |",
        "| all |  | 4,800 | 6,000 | 9 | 200 | – |",
    ]


def test_experiments_that_are_queued_or_run_are_waiting():
    status = (
        "Task     Name       Created    Status\n"
        "4e7e11f  done-1     03:52 AM   Success\n6c02a77  next-1     03:52 AM   Queued\n"
        "6c02a78  now-1      03:52 AM   Running\n6c02a79  lost-1     03:52 AM   Failed\n\n"
        "Worker status: 1 active, 0 idle\n"
    )
    assert runs.read_queue_status(status) == {"next-1", "now-1"}


def test_an_experiment_is_known_by_its_commit(tmp_path, monkeypatch):
    def git(*words):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], check=True)

    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"dvc\.yaml"):
        runs.commit()
    Path("dvc.yaml").write_text("stages: {}\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "Begin")
    Path("notes.md").write_text("not read by any stage")
    assert len(runs.commit()) == 40
    Path("dvc.yaml").write_text("stages: {a: {}}\n")
    with pytest.raises(UserError, match=r"dvc\.yaml is not committed"):
        runs.commit()


@pytest.mark.parametrize("dry", [True, False], ids=["dry", "real"])
def test_a_page_of_simulated_models_is_no_result(dry, outs, tmp_path, monkeypatch):
    params = yaml.safe_load((outs.folder / "params.yaml").read_text())
    params["models"] |= {role: "simulated:small" if dry else "openai:gpt" for role in CHAT_ROLES}
    (outs.folder / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.setattr(page, "Outs", lambda name: outs)
    recipe = recipe_of("difficulty")
    found = {
        each.name("difficulty", "", ""): each for each in experiments(recipe, {"gsm8k": Path("/a")}, {}, {})
    }
    monkeypatch.chdir(tmp_path)
    text = page.written("difficulty", recipe, found)
    folder = tmp_path / "experiments" / ("dry_runs" if dry else "results")
    assert (folder / "difficulty.md").read_text() == text
    assert (folder / "difficulty-2.svg").exists()
    assert ("DRY RUN" in text, "(paper " in text) == (dry, not dry)
    assert f"-n {next(iter(found))} " in text
