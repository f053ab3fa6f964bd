"""Recipes that tune and evaluate: what is tuned and asked, equal sizes, tables of scores, costs."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import polars as pl
import pytest
from workspace import SHIPPED_PARAMS

from evobuild.cli.plan.stage_estimates import Estimate, Most
from evobuild.cli.plan.training_estimates import TrainingEstimate
from evobuild.core.errors import UserError
from evobuild.evaluation.benchmarks import BENCHMARKS
from experiments.recipe import Recipe, command, costs, equal, page, runs
from experiments.recipe.design import Experiment, experiments
from experiments.recipe.papers import ALL_BASES, BASES, QWEN_STUDENTS, TITLES, bases, last_round
from experiments.recipe.scores import EVOLVER_SCORES, SCORES, as_published, panels, score_table, scored
from experiments.recipe.tuning import (
    Base,
    answering,
    base_key,
    benchmarks_of,
    first_bases,
    tuned,
    with_items,
)
from experiments.recipe.views import Table

ROOT = Path(__file__).parents[2]
SOURCES = {name: Path(f"/data/{name}") for name in ("alpaca", "sharegpt", "gsm8k", "code_alpaca", "sample")}
SCORED = sorted(
    path.stem
    for path in (ROOT / "experiments").glob("*.py")
    if path.stem != "__init__"
    and "compare" in importlib.import_module(f"experiments.{path.stem}").RECIPE.targets
)


def recipe_of(name):
    return importlib.import_module(f"experiments.{name}").RECIPE


def names(settings, prefix, last):
    """The names that stand between a prefix and the last part of a key."""
    keys = (key.removeprefix(prefix) for key in settings if key.startswith(prefix))
    return [
        key.removesuffix(last) for key in keys if key.endswith(last) and key.count(".") == last.count(".")
    ]


@pytest.mark.parametrize("name", SCORED)
def test_every_base_that_is_tuned_is_evaluated_on_benchmarks_that_there_are(name):
    for each in experiments(recipe_of(name), SOURCES, {}, {}):
        tuned_names = names(each.settings, "+bases.", ".model")
        assert tuned_names
        assert tuned_names == names(each.settings, "+evaluate.models.", "")
        assert all(
            each.settings[f"+evaluate.models.{base}"] == f"vllm:models/tuned/{base}" for base in tuned_names
        )
        asked = benchmarks_of(each.settings)
        assert asked
        assert set(asked) <= set(BENCHMARKS)


@pytest.mark.parametrize("name", SCORED)
def test_every_published_score_has_a_place_in_its_table(name):
    recipe = recipe_of(name)
    found = experiments(recipe, {key: SOURCES[key] for key in recipe.data}, {}, {})
    for view in recipe.views:
        if not isinstance(view, Table) or view.columns != ("data", "score"):
            continue
        places = set()
        for each in found:
            scores = [title for (key, _), title in SCORES.items() if key in benchmarks_of(each.settings)]
            for base in names(each.settings, "+bases.", ".model"):
                own = each.labels | {"student": TITLES[base]}
                row = tuple(own[label] for label in view.rows)
                places |= {(*row, each.labels["data"], score, "value") for score in scores}
        assert set(view.published) <= places


def test_the_recipes_have_every_result_table_of_the_second_paper():
    sources = " ".join(recipe_of(name).source for name in SCORED)
    assert all(f"Table {number}" in sources for number in (1, 2, 3, 4, 5, 9, 10, 11, 12, 15))
    assert all(f"Figure {number}" in sources or f"Figures {number}" in sources for number in (1, 3, 6))


def test_a_base_has_a_name_of_its_own():
    assert base_key("Llama-3.1-8B") == "llama_3_1_8b"
    assert len(TITLES) == len(ALL_BASES)
    assert tuned({"A-1B": Base("a/b", "{epochs:2}")}) == {
        "~bases": "",
        "+bases": "{}",
        "~evaluate.models": "",
        "+evaluate.models": "{}",
        "compare.pairs": "[]",
        "compare.benchmarks": "[]",
        "+bases.a_1b.model": "a/b",
        "+bases.a_1b.finetune": "{epochs:2}",
        "+evaluate.models.a_1b": "vllm:models/tuned/a_1b",
    }


def test_a_dry_run_tunes_the_first_bases_alone():
    few = first_bases(tuned(BASES), 2)
    assert names(few, "+bases.", ".model") == ["mistral_7b_v0_3", "deepseek_7b"]
    assert names(few, "+evaluate.models.", "") == ["mistral_7b_v0_3", "deepseek_7b"]
    assert first_bases(tuned(BASES), 9) == tuned(BASES)


def test_large_students_are_tuned_by_adapters():
    with_lora = [title for title, base in QWEN_STUDENTS.items() if "lora" in base.finetune]
    assert with_lora == ["Qwen-2.5-14B", "Qwen-2.5-32B", "Qwen-2.5-72B"]


def test_the_last_round_alone_is_answered():
    assert last_round(2) == {
        "+rounds": "{r1:{parent:r0},r2:{parent:r1}}", "+pools": "{r2:{}}", "select.pools": "[r2]"
    }  # fmt: skip


def test_what_is_answered_hangs_on_the_data_set():
    by_data = {"gsm8k": answering("gsm8k", "math"), "": answering("ifeval")}
    recipe = Recipe("t", "p", {}, (), by_data=by_data)
    found = experiments(recipe, {"gsm8k": Path("/a"), "mine": Path("/b")}, {}, {})
    assert [benchmarks_of(each.settings) for each in found] == [["gsm8k", "math"], ["ifeval"]]


def test_items_are_set_of_the_benchmarks_that_are_answered():
    settings = with_items(answering("gsm8k"), {"gsm8k": {"items": "/a"}, "math": {"items": "/b"}})
    assert settings["+evaluate.benchmarks.gsm8k.items"] == "/a"
    assert benchmarks_of(settings) == ["gsm8k"]
    assert not any("math" in key for key in settings)


FIGURES = pl.DataFrame(
    [
        ("gsm8k", "llama_3_8b", "gsm8k", "accuracy", True, 0.5, 0.4, 0.6),
        ("gsm8k", "llama_3_8b", "gsm8k", "boxed", False, 0.1, 0.0, 0.2),
        ("gsm8k", "mistral_7b_v0_3", "mt_bench", "score", True, 6.5, None, None),
        ("alpaca", "my_base", "ifeval", "instruction_loose", False, 0.25, 0.2, 0.3),
        ("alpaca", "my_base", "ifeval", "prompt_strict", True, 0.2, 0.1, 0.3),
    ],
    ["data", "model", "benchmark", "figure", "headline", "value", "low", "high"],
    orient="row",
)


def test_scores_have_the_names_units_and_order_of_the_papers():
    assert scored(FIGURES).select("student", "score", "value", "low").rows() == [
        ("Mistral-7B-v0.3", "MT-Bench", 6.5, None),
        ("Llama-3-8B", "GSM8K", 50.0, 40.0),
        ("my_base", "IFEval Pr.(S)", 20.0, 10.0),
        ("my_base", "IFEval In.(L)", 25.0, 20.0),
    ]
    assert panels(FIGURES)["data"].to_list()[:2] == ["gsm8k: MT-Bench", "gsm8k: GSM8K"]


@pytest.mark.parametrize(
    ("dry", "cell"), [(False, "50.00 [40.00, 60.00] (paper 63.00)"), (True, "DRY RUN 50.00 [40.00, 60.00]")]
)
def test_a_score_stands_with_its_interval_and_beside_the_paper_s(dry, cell):
    table = score_table(
        "t", ("student",), as_published((("gsm8k", "GSM8K"),), {("Llama-3-8B",): (63.0,), ("none",): (1.0,)})
    )
    lines = table.markdown(FIGURES, Path("unused"), dry).splitlines()
    assert lines[0].startswith("| student | gsm8k · MT-Bench | gsm8k · GSM8K | alpaca · IFEval Pr.(S) |")
    assert lines[3].split(" | ")[:3] == ["| Llama-3-8B", "–", cell]


def test_a_table_of_another_length_than_its_columns_is_refused():
    with pytest.raises(ValueError, match="zip"):
        as_published(EVOLVER_SCORES, {("LLM",): (1.0, 2.0)})


EQUAL = Recipe(
    title="Equal",
    source="a paper",
    data={},
    views=(score_table("t", ("evolver", "student")),),
    factors={"evolver": {"LLM": {"models.evolver": "a"}, "SLM": {"models.evolver": "b"}}},
    settings=tuned(bases("Llama-3-8B")) | answering("gsm8k") | {"select.share": "1.0"},
    equal="evolver",
)


def test_all_levels_are_cut_to_the_smallest_and_exported():
    wanted = experiments(EQUAL, {"gsm8k": Path("/a"), "alpaca": Path("/b")}, {}, {})
    made = equal.data_alone(wanted)
    assert {each.targets for each in made} == {("select",)}
    assert not {each.name("r", "", "") for each in made} & {each.name("r", "", "") for each in wanted}
    rows = {("gsm8k", "LLM"): 9, ("gsm8k", "SLM"): 7, ("alpaca", "LLM"): 5}
    cut = equal.cut(wanted, "evolver", rows)
    assert [each.labels for each in cut] == [{"data": "gsm8k", "evolver": name} for name in ("LLM", "SLM")]
    assert {each.settings["select.count"] for each in cut} == {"7"}
    assert {each.settings["select.share"] for each in cut} == {"null"}
    assert {each.targets for each in cut} == {("compare", "export")}
    assert cut[0].name("r", "", "") != equal.cut(wanted, "evolver", rows | {("gsm8k", "SLM"): 6})[0].name(
        "r", "", ""
    )


def test_equally_many_are_drawn_where_nothing_else_chooses():
    settings = experiments(recipe_of("equal_size"), {"gsm8k": Path("/a")}, {}, {})[0].settings
    assert settings["select.by"] == "random"


@pytest.fixture
def line(monkeypatch, tmp_path):
    """Stand in for DVC. `line(*words)` is a command line with data; what it queues is in `queued`."""

    class Line:
        def __init__(self):
            self.done, self.queued, self.ran, self.pages, self.rows = set(), [], [], [], {}

        def __call__(self, *words):
            command.main("equal", EQUAL, ["--data", f"gsm8k={tmp_path / 'rows'}", *words])

    found = Line()
    (tmp_path / "rows").write_text("{}")
    (tmp_path / "items.jsonl").write_bytes((ROOT / "data/raw/benchmarks/gsm8k.jsonl").read_bytes())
    found.items = ("--benchmark", f"gsm8k={tmp_path / 'items.jsonl'}")

    def now(name, overrides, targets):
        found.ran.append((name, targets))
        found.done.add(name)

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(command, "PARAMS", SHIPPED_PARAMS)
    monkeypatch.setattr(runs, "commit", lambda: "commit")
    monkeypatch.setattr(runs, "finished", lambda: set(found.done))
    monkeypatch.setattr(runs, "waiting", lambda: {name for name, _ in found.queued})
    monkeypatch.setattr(runs, "now", now)
    monkeypatch.setattr(runs, "queue", lambda name, _, targets: found.queued.append((name, targets)))
    monkeypatch.setattr(
        equal, "sizes", lambda made: {tuple(each.labels.values()): 5 for each in made.values()}
    )
    monkeypatch.setattr(page, "written", lambda name, recipe, shown: found.pages.append(list(shown)) or "")
    return found


def test_the_second_part_begins_when_the_first_has_finished(line):
    line(*line.items)
    assert [targets for _, targets in line.queued] == [("select",)] * 2
    line.done.add(line.queued[0][0])
    line(*line.items)
    assert len(line.queued) == 2
    assert line.pages == []
    line.done.add(line.queued[1][0])
    line(*line.items)
    assert [targets for _, targets in line.queued[2:]] == [("compare", "export")] * 2
    line.done |= {name for name, _ in line.queued}
    line(*line.items)
    assert len(line.queued) == 4
    assert line.pages == [[name for name, _ in line.queued[2:]]]


def test_a_dry_run_runs_both_parts_at_once(line):
    line("--dry-run")
    assert [targets for _, targets in line.ran] == [("select",)] * 2 + [("compare", "export")] * 2
    assert line.pages == [[name for name, _ in line.ran[2:]]]


def test_a_benchmark_without_items_is_said_before_anything_runs(line):
    with pytest.raises(UserError, match="no items of gsm8k; give --benchmark gsm8k=FILE"):
        line()
    with pytest.raises(UserError, match="no such benchmark; it has gsm8k"):
        line(*line.items, *(word.replace("gsm8k=", "math=") for word in line.items))
    assert line.queued == []


@pytest.mark.parametrize("words", [(), ("--plan",)])
def test_items_that_cannot_be_read_are_said_before_anything_is_planned(line, words, tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "table", lambda wanted: pytest.fail("it was planned"))
    (tmp_path / "items.jsonl").write_text('{"question": "1 + 1"}\n')
    with pytest.raises(UserError, match=r"items\.jsonl:1"):
        line(*line.items, *words)
    assert line.queued == []


def test_other_items_are_another_experiment(line, tmp_path):
    line(*line.items)
    with (tmp_path / "items.jsonl").open("a") as items:
        items.write("\n")
    line(*line.items)
    assert len({name for name, _ in line.queued}) == 4


TRAINED = TrainingEstimate(
    "toy", steps=10, tokens=2_000, hours=0.5, most_hours=2.0, devices=8, speed="as published"
)
UNKNOWN = dataclasses.replace(TRAINED, problem="no hub", hours=None, most_hours=None)


@pytest.mark.parametrize(
    ("trainings", "cells", "note"),
    [
        ([TRAINED, TRAINED], "20 | 4,000 | 8.00 | 32.00", "Hours: as published."),
        ([TRAINED, UNKNOWN], "20 | 4,000 | – | –", "not known: no hub"),
    ],
)
def test_trainings_are_planned_too(trainings, cells, note, monkeypatch):
    stages = [Estimate("finetune@a", training=training) for training in trainings]
    asked = Estimate("respond@r1", calls=5, stored=0, tokens=50, cost=0.5, most=Most(calls=9))
    monkeypatch.setattr(costs.plan, "plan_stages", lambda *_: costs.plan.Plan([asked, *stages]))
    text = costs.table([Experiment({"data": "a"}, {}, ())])
    lines = text.splitlines()
    assert lines[0].endswith("| cost | steps | trained tokens | GPU hours, best | slow |")
    assert lines[2] == f"| a | 5 | 9 | 0 | 50 | 0.50 | {cells} |"
    assert lines[3] == f"| all | 5 | 9 | 0 | 50 | 0.50 | {cells} |"
    assert note in text
