"""What the stage optimize tells of its loop: every candidate, trajectory and failure, figures and a curve."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from workspace import SHIPPED_PARAMS

from evobuild import simulation
from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.core.chat import Reply
from evobuild.core.evolution_tables import CANDIDATE_FAILURES, CANDIDATES, TRAJECTORIES
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.evolution import methods
from evobuild.models import progress
from evobuild.reporting import charts
from stages import optimize as script


@pytest.fixture
def stage(row, tmp_path, store, label):
    """Run the stage with simulated models and changed params; give what each out holds, by name."""
    asks = ("Name", "Explain", "Compare", "Describe the use of", "Write a poem about")
    r0 = [row(f"{ask} {number} rivers of Europe.") for ask in asks for number in range(3, 15)]
    tables.write(tmp_path / "r0.parquet", tables.frame(INSTRUCTIONS, r0))
    given = load_all_params(SHIPPED_PARAMS)

    def run(own=Path("prompts/evolve/own.txt"), evolve=None, **optimize):
        changes = {"steps": 2, "development": 10, "candidates": 2} | optimize
        values = given.model_copy(
            update={
                "optimize": given.optimize.model_copy(update=changes),
                "evolve": given.evolve.model_copy(update={"file": str(own)} | (evolve or {})),
            }
        )
        names = ("method", "candidates", "trajectories", "failures", "metrics", "curve", "counts")
        outs = {name: tmp_path / name for name in names}
        script.main(values, script.Arguments(r0=tmp_path / "r0.parquet", label=label, **outs))
        return SimpleNamespace(
            method=outs["method"].read_text(encoding="utf-8"),
            candidates=tables.read(outs["candidates"], CANDIDATES).to_dicts(),
            trajectories=tables.read(outs["trajectories"], TRAJECTORIES).to_dicts(),
            failures=tables.read(outs["failures"], CANDIDATE_FAILURES).to_dicts(),
            metrics=json.loads(outs["metrics"].read_text()),
            curve=list(csv.DictReader(outs["curve"].read_text().splitlines())),
            asked=[entry["role"] for entry in json.loads(outs["counts"].read_text())["asked"]],
            bytes={name: outs[name].read_bytes() for name in names},
        )

    return run


def test_the_stage_tells_of_every_candidate_and_of_each_row_that_it_failed_on(stage):
    made = stage(holdout=10)
    [best] = [each for each in made.candidates if each["best"]]
    assert made.method == best["method"] + "\n"
    assert methods.normalise_slot(made.method.strip()) == best["method"]
    for each in made.candidates:
        failed = [
            failure
            for failure in made.failures
            if (failure["step"], failure["candidate"]) == (each["step"], each["candidate"])
        ]
        judged = [failure for failure in failed if failure["among"] == "development"]
        if each["method"]:
            assert each["failure_rate"] == pytest.approx(len(judged) / each["rows"])
            assert sum(map(int, re.findall(r" (\d+)", each["failures"]))) == len(judged)
        assert (each["holdout_rate"] is not None) == each["chosen"]
        assert len(failed) - len(judged) == (each["holdout_rate"] or 0) * 10
    assert {each["stage"] for each in made.failures} == {"evolve", "respond"}
    assert made.metrics["failure_rate"] == {
        "e0": made.candidates[0]["failure_rate"],
        "best": best["failure_rate"],
    }
    assert made.metrics["method"]["words"] == best["words"] == len(best["method"].split())
    assert made.metrics["holdout_rate"]["best"] == best["holdout_rate"]
    assert made.metrics["calls"]["made"] > 0 and made.metrics["calls"]["saved"] == 0
    assert made.asked == ["evolver", "optimizer"]


def test_a_candidate_judged_on_fewer_rows_says_so(stage, monkeypatch):
    answer, lost = simulation.answer, []

    def failing(name, request):
        if request.purpose == "evolve" and len(lost) < 2 and request.messages not in lost:
            lost.append(request.messages)
        return Reply(request.key, (), 9, "timeout") if request.messages in lost else answer(name, request)

    monkeypatch.setattr(simulation, "answer", failing)
    made = stage(steps=1, development=5)
    first = made.candidates[0]
    assert (first["rows"], first["judged"], made.metrics["unjudged"]) == (5, 3, {"e0": 2, "best": 2})
    unjudged = [each for each in made.failures if each["reason"] == "not judged"]
    assert [each["detail"] for each in unjudged if each["step"] == 0] == ["timeout"] * 2
    failed = [each for each in made.failures if each["step"] == 0 and each["reason"] != "not judged"]
    assert first["failure_rate"] == len(failed) / 3


def test_the_stage_keeps_each_trajectory_with_its_verdicts(stage):
    made = stage(trajectory_rounds=2, batch=4)
    steps = made.metrics["method"]["steps"]
    assert len(made.trajectories) == 4 * steps
    for each in made.trajectories:
        assert len(each["stages"]) == 1 + len(each["verdicts"])
        assert [verdict is None for verdict in each["verdicts"]] in ([True, True], [True, False], [False])


def test_the_curve_has_a_point_a_step_and_the_same_columns_with_and_without_a_holdout(stage):
    for made in (stage(), stage(holdout=5), stage(incumbent=False, patience=2)):
        assert list(made.curve[0]) == ["step", "failure_rate", "words", "holdout_rate"]
        assert [int(point["step"]) for point in made.curve] == list(
            range(made.metrics["method"]["steps"] + 1)
        )
        for point in made.curve:
            now = [each for each in made.candidates if each["chosen"] and each["step"] <= int(point["step"])][
                -1
            ]
            assert float(point["failure_rate"]) == now["failure_rate"]
            assert int(point["words"]) == now["words"]
            assert point["holdout_rate"] == ("" if now["holdout_rate"] is None else str(now["holdout_rate"]))


def test_the_same_params_give_the_same_bytes_also_after_an_interrupted_run(stage, tmp_path):
    first = stage(holdout=5, halving=2)
    assert first.metrics["calls"]["saved"] > 0
    for file in progress.FOLDER.iterdir():
        file.write_text(file.read_text().replace('"finished"', '"stopped"'))
    assert stage(holdout=5, halving=2).bytes == first.bytes


def test_the_chart_shows_the_holdout_where_it_was_measured(stage):
    assert "holdout" in charts.plot_failure_rates(stage(holdout=5).candidates)
    assert "holdout" not in charts.plot_failure_rates(stage().candidates)


@pytest.mark.parametrize(
    "evolve", [{"strategy": "evol"}, {"method": "e0"}, {"method": "file"}], ids=["evol", "e0", "file"]
)
def test_nothing_is_asked_where_no_optimized_method_is_used(stage, store, evolve):
    made = stage(evolve=evolve)
    assert not store.exists() and made.asked == []
    assert made.candidates == made.trajectories == made.failures == []
    assert made.method == "\n"
    assert made.metrics["failure_rate"] == {"e0": None, "best": None}
    assert made.curve == [{"step": "0", "failure_rate": "", "words": "", "holdout_rate": ""}]


@pytest.mark.parametrize("initial", ["e0", "weak", "file"])
def test_the_loop_begins_with_the_method_that_params_name(stage, tmp_path, initial):
    own = tmp_path / "own.txt"
    own.write_text("Make it harder.\n#Finally Rewritten Instruction#:\n", encoding="utf-8")
    expected = "Make it harder." if initial == "file" else methods.render_initial_method(initial)
    [first] = stage(own, initial=initial, steps=0).candidates
    assert first["method"].startswith(expected) and first["method"].endswith("\n{instruction}")
    assert first["chosen"] and first["best"]


def test_the_judge_is_used_only_if_difficulty_or_equality_counts(stage):
    assert stage(difficulty_weight=0.5).asked == ["evolver", "optimizer", "judge"]
    given = load_all_params(SHIPPED_PARAMS).evolve.failures
    made = stage(evolve={"failures": given.model_copy(update={"equal": True})})
    assert made.asked == ["evolver", "optimizer", "judge"]


def test_difficulty_is_told_with_the_rows_it_rests_on(stage):
    made = stage(difficulty_weight=0.5)
    for each in made.candidates:
        if each["method"]:
            assert 0 < each["rated"] <= each["rows"] * (1 - each["failure_rate"]) + 1e-9
            assert each["objective"] == pytest.approx(each["failure_rate"] - each["difficulty_gain"] / 200)
