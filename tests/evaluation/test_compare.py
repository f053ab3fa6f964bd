"""Models side by side: figures with intervals, differences on shared items, and answers that a judge sees."""

from __future__ import annotations

import polars as pl
import pytest
from sums import MODEL, Sums

from evobuild.core import tables
from evobuild.core.chat import Sampling
from evobuild.core.evaluation_tables import COMPARISONS, EVALUATION
from evobuild.evaluation import model_comparison
from evobuild.evaluation.benchmark import Settings
from evobuild.evaluation.judge import Judge, JudgeSettings
from evobuild.models.client import Model

DRAWN = model_comparison.Resampling(500, 1)
SUMS = Sums("sums", Settings(), 1)


def evaluation(model, scores, parts=1, prompt="What is {}?"):
    """Replies of a model: score by item, each of so many turns."""
    rows = []
    for item, score in scores.items():
        asked, said = prompt.format(item), f"{model} says {item}."
        checks = [{"name": "right", "value": score}]
        for part in range(1, parts + 1):
            key = f"sums/{item}/{part}"
            rows.append((key, model, "sums", item, "", part, asked, said, score, checks, ""))
    return tables.frame(EVALUATION, rows)


def measured(**evaluations):
    return model_comparison.compute_all_metrics([SUMS], evaluations)


def test_figures_are_means_over_items_with_their_units():
    one = evaluation("one", {"i0": 1.0, "i1": 0.0, "i2": None, "i3": 1.0})
    figures = model_comparison.metrics_table(measured(one=one), DRAWN)
    (row,) = figures.iter_rows(named=True)
    assert (row["model"], row["benchmark"], row["figure"], row["headline"]) == ("one", "sums", "score", True)
    # An unknown score is no 0.
    assert (row["value"], row["units"]) == (0.666667, 3)
    assert 0 < row["low"] < row["value"] < row["high"] <= 1
    assert model_comparison.metrics_by_model(figures)["one"]["sums"]["score"] == {
        "value": 0.666667,
        "standard_error": row["error"],
        "low": row["low"],
        "high": row["high"],
        "units": 3,
    }


def test_models_are_compared_on_the_items_that_both_answered():
    one = evaluation("one", {"i0": 1.0, "i1": 1.0, "i2": 0.0})
    other = evaluation("other", {"i1": 0.0, "i2": 0.0, "i3": 1.0})
    (row,) = model_comparison.differences_table(measured(one=one, other=other), DRAWN).iter_rows(named=True)
    assert (row["a"], row["b"], row["difference"], row["units"]) == ("one", "other", 0.5, 2)


def test_every_comparison_of_a_table_counts_in_its_correction():
    items = [f"i{place:02}" for place in range(10)]
    scores = {"one": 1.0, "same": 1.0, "other": 0.0}
    models = {name: evaluation(name, dict.fromkeys(items, score)) for name, score in scores.items()}
    found = model_comparison.differences_table(measured(**models), DRAWN)
    # McNemar's exact test on ten items of which all differ: 2 / 2**10.
    assert found["p_value"].to_list() == pytest.approx([1, 2**-9, 2**-9], abs=1e-6)
    assert found["p_holm"].to_list() == pytest.approx([1, 3 * 2**-9, 3 * 2**-9], abs=1e-5)


def test_a_model_without_rows_has_no_figure():
    nothing = EVALUATION.to_frame()
    one = evaluation("one", {"i0": 1.0})
    figures = model_comparison.metrics_table(measured(one=one, nothing=nothing), DRAWN)
    assert figures["model"].to_list() == ["one"]
    assert model_comparison.differences_table(measured(one=one, nothing=nothing), DRAWN).is_empty()
    assert model_comparison.metrics_table(measured(nothing=nothing), DRAWN).schema == model_comparison.FIGURES


def judged(engine, answer, one, other, pairs=(("one", "other"),), unparsed=0.5):
    engine(answer)
    with Model(MODEL, "judge") as model:
        judge = Judge(model, JudgeSettings(Sampling(max_tokens=8), 0, unparsed))
        return judge, model_comparison.judge_model_pairs([SUMS], {"one": one, "other": other}, pairs, judge)


def prefer_one(request):
    text = request.messages[0].content
    return "[[A]]" if text.index("one says") < text.index("other says") else "[[B]]"


@pytest.fixture
def answers():
    scores = {"i0": 1.0, "i1": 0.0}
    return evaluation("one", scores, 2), evaluation("other", scores, 2)


def test_a_judge_sees_each_turn_with_those_before_it(engine, answers):
    _, found = judged(engine, prefer_one, *answers)
    assert found.schema == COMPARISONS
    assert found["id"].to_list() == [
        f"sums/one/other/{item}/{turn}" for item in ("i0", "i1") for turn in (1, 2)
    ]
    assert set(found["verdict"]) == {"win"}
    assert found["consistent"].all()


def test_swapped_models_have_mirrored_verdicts(engine, answers):
    _, found = judged(engine, prefer_one, *answers, pairs=(("other", "one"),))
    assert set(found["verdict"]) == {"lose"}


def test_a_judge_that_always_says_a_gives_no_win(engine, answers):
    _, found = judged(engine, lambda _: "[[A]]", *answers)
    assert set(found["verdict"]) == {"tie"}
    assert not found["consistent"].any()
    figures = model_comparison.outcomes_by_pair(found, DRAWN)["one against other"]["sums"]
    assert (figures["win"]["value"], figures["consistency"]["value"]) == (0, 0)


def test_what_cannot_be_read_is_no_tie_and_is_counted(engine, answers):
    judge, found = judged(engine, lambda _: "Both.", *answers, unparsed=1.0)
    assert found["verdict"].null_count() == 4
    counts = model_comparison.count_comparisons(found, judge)
    assert counts["unread"] == {"sums": {"judged": 8, "unread": 8}}
    figures = model_comparison.outcomes_by_pair(found, DRAWN)["one against other"]["sums"]
    assert figures["unparsed"]["value"] == 1
    assert "tie" not in figures


def test_only_what_was_asked_alike_is_compared(engine, answers):
    one, _ = answers
    other = evaluation("other", {"i0": 1.0, "i7": 1.0}, prompt="Why is {}?")
    _, found = judged(engine, prefer_one, one, other)
    assert found.is_empty()
    assert isinstance(found, pl.DataFrame)
