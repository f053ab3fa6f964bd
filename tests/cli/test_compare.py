"""`evobuild compare`: two models on what both answered, and what it says where that is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from evaluated import replied
from workspace import SHIPPED_PARAMS

from evobuild import __main__ as command
from evobuild.core import metrics, tables
from evobuild.core.evaluation_tables import COMPARISONS, EVALUATION
from evobuild.evaluation import params as evaluation
from evobuild.evaluation.benchmark import Benchmark, Settings, average_check

ROOT = Path(__file__).parents[2]


class Sums(Benchmark[Settings]):
    """Scored right or wrong, with a second figure."""

    headline = "accuracy"

    def read_items(self):
        raise NotImplementedError

    next_requests = score_items = read_items

    def compute_metrics(self, rows):
        return super().compute_metrics(rows) | {"checked": average_check(rows, "check")}


class Loss(Sums):
    headline = "loss"
    higher_is_better = False


class Uncorrected(Sums):
    """Its headline needs what is not there."""

    def compute_metrics(self, rows):
        return {
            "plain": super().compute_metrics(rows)["accuracy"],
            "again": super().compute_metrics(rows)["accuracy"],
        }


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with params of three models and two benchmarks of the test's own; the current folder."""
    monkeypatch.chdir(tmp_path)
    kinds = {"sums": Sums, "loss": Loss, "uncorrected": Uncorrected}
    monkeypatch.setattr(evaluation, "benchmark_class", kinds.__getitem__)
    params = yaml.safe_load(SHIPPED_PARAMS.read_text())
    models = {"base": "simulated:small", "tuned": "simulated:large", "other": "openai:x"}
    params["evaluate"] |= {"models": models, "benchmarks": {name: {} for name in kinds}}
    params["compare"] |= {"resamples": 1000}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (tmp_path / "data/evaluation").mkdir(parents=True)

    def answer(model, benchmark="sums", **scores):
        rows = [replied(model, benchmark, item, score) for item, score in scores.items()]
        path = tmp_path / f"data/evaluation/{model}.parquet"
        tables.write(path, tables.frame(EVALUATION, rows))

    return answer


def run(capsys, *words):
    code = command.main(["compare", *words])
    said = capsys.readouterr()
    assert code == (1 if said.err else 0)
    return said.err.removeprefix("evobuild: ").strip() if said.err else said.out


def seen(capsys, *words):
    return json.loads(run(capsys, *words, "--json"))


def test_the_values_are_of_what_both_answered(project, capsys):
    project("tuned", a=1.0, b=1.0, c=1.0, d=0.0, only=0.0)
    project("base", a=0.0, b=1.0, c=0.0, d=0.0, lost=1.0)
    found = seen(capsys, "tuned", "base")
    accuracy = found["differences"][0]
    assert (accuracy["a"], accuracy["b"], accuracy["difference"]) == (0.75, 0.25, 0.5)
    assert (accuracy["units"], accuracy["units_a"], accuracy["units_b"]) == (4, 5, 5)
    assert accuracy["low"] <= 0.5 <= accuracy["high"] and 0 < accuracy["p_value"] <= 1
    assert [line["figure"] for line in found["differences"]] == ["accuracy", "checked"]
    assert [line["headline"] for line in found["differences"]] == [True, False]


def test_the_other_way_round_it_is_the_same_with_another_sign(project, capsys):
    project("tuned", a=1.0, b=1.0, c=1.0, d=0.0)
    project("base", a=0.0, b=1.0, c=0.0, d=0.0)
    there, back = (seen(capsys, *names)["differences"][0] for names in (("tuned", "base"), ("base", "tuned")))
    assert (back["difference"], back["low"], back["high"]) == (-0.5, -there["high"], -there["low"])
    assert back["p_value"] == there["p_value"]


def test_a_table_says_it_all(project, capsys):
    project("tuned", a=1.0, b=1.0, c=1.0, d=0.0, only=0.0)
    project("base", a=0.0, b=1.0, c=0.0, d=0.0)
    head, accuracy, _, _, *rest = run(capsys, "tuned", "base").splitlines()
    assert head.split() == [
        "benchmark",
        "figure",
        "tuned",
        "base",
        "difference",
        "95",
        "%",
        "interval",
        "p",
        "units",
        "p",
        "(Holm)",
    ]
    assert accuracy.split()[:5] == ["sums", "accuracy", "0.7500", "0.2500", "+0.5000"]
    assert accuracy.endswith("0.5000  4 of 5 and 4    0.5000")
    assert "tuned less base" in rest[0] and "McNemar's exact test" in rest[0]
    assert "1 of main figures and, apart from them, 1 of others" in rest[1]
    assert rest[2] == "loss: not compared: no score of tuned and base"


def test_where_nobody_has_the_main_figure_the_first_stands_for_it(project, capsys):
    project("tuned", "uncorrected", a=1.0, b=1.0)
    project("base", "uncorrected", a=0.0, b=1.0)
    found = seen(capsys, "tuned", "base", "--benchmark", "uncorrected")["differences"]
    assert [(line["figure"], line["headline"]) for line in found] == [("plain", True), ("again", False)]


@pytest.mark.parametrize(("dry", "first"), [(True, "DRY RUN"), (False, "benchmark")])
def test_a_dry_run_says_so_before_all(project, capsys, dry, first):
    project("tuned", a=1.0, b=1.0)
    project("base", a=0.0, b=1.0)
    metrics.write_label(Path("data/label.txt"), metrics.DRY_RUN if dry else "")
    assert run(capsys, "tuned", "base").startswith(first)
    assert seen(capsys, "tuned", "base")["label"] == ("DRY RUN" if dry else "")


def test_verdicts_are_told_from_the_side_of_the_first(project, capsys):
    for name in ("tuned", "base"):
        project(name, a=1.0, b=1.0)
    said = [("lose", True), ("lose", True), ("win", True), ("tie", False), (None, None)]
    rows = [
        (f"{n}", "sums", f"{n}", 1, "base", "tuned", verdict, consistent, "", "")
        for n, (verdict, consistent) in enumerate(said)
    ]
    tables.write(Path("data/comparisons.parquet"), tables.frame(COMPARISONS, rows))
    [judged] = seen(capsys, "tuned", "base")["judged"]
    assert [judged[name] for name in ("win", "tie", "lose", "unread")] == [2, 1, 1, 1]
    assert judged["figures"]["win_rate"]["value"] == 0.625
    assert judged["figures"]["consistency"]["value"] == 0.75 and judged["figures"]["unparsed"]["value"] == 0.2
    last = run(capsys, "base", "tuned").splitlines()[-3]
    assert last.split()[:6] == ["sums", "1", "1", "2", "1", "37.5%"]


def test_only_the_benchmarks_that_are_asked_for(project, capsys):
    project("tuned", a=1.0, b=1.0)
    project("base", a=0.0, b=1.0)
    assert seen(capsys, "tuned", "base", "--benchmark", "sums")["apart"] == {}
    said = run(capsys, "tuned", "base", "--benchmark", "loss")
    assert said == "tuned and base cannot be compared: loss: no score of tuned and base"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tuned", "none"), "unknown model of evaluate.models 'none'; choose from: base, other, tuned"),
        (("tuned", "tuned"), "both models are tuned; expected two different ones"),
        (("../x", "tuned"), "unknown model of evaluate.models '../x'"),
        (("tuned", "base", "--benchmark", "nine"), "evaluate.benchmarks 'nine'; choose from: loss, sums"),
        (("tuned", "other"), "is not evaluated yet; run: evobuild repro evaluate@other"),
    ],
)  # fmt: skip
def test_a_name_that_is_none_is_said_with_those_that_are(project, capsys, words, said):
    project("tuned", a=1.0)
    project("base", a=1.0)
    found = run(capsys, *words)
    assert said in found and len(found.splitlines()) == 1


@pytest.mark.parametrize("others", [{"x": 1.0, "y": 0.0}, {"a": 1.0, "y": 0.0}])
def test_models_that_share_no_two_items_cannot_be_compared(project, capsys, others):
    project("tuned", a=1.0, b=0.0)
    project("base", **others)
    said = run(capsys, "tuned", "base")
    assert said.startswith("tuned and base cannot be compared: ")
    assert "; sums: fewer than two items that both answered" in said


def test_a_table_that_is_none_is_named(project, capsys):
    project("tuned", a=1.0)
    Path("data/evaluation/base.parquet").write_text("no table")
    assert "data/evaluation/base.parquet: not a readable Parquet table" in run(capsys, "tuned", "base")


def test_two_models_are_wanted(project, capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(["compare", "tuned"])
    assert caught.value.code == 2 and "MODEL" in capsys.readouterr().err
