"""Measures that params declare: what a judge is asked, how replies are read, what the stage writes."""

from __future__ import annotations

import json
import math

import polars as pl
import pytest
from fakes import reply
from pydantic import ValidationError
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.check.measure_checks import check_measures
from evobuild.core import tables
from evobuild.core.chat import Choice, Reply
from evobuild.core.errors import BadParams
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import all_columns, all_measures, all_metrics, declared_measures
from evobuild.core.rejects import REJECTS, Reject
from evobuild.scoring.measure import Judging, Measured, expected_value
from evobuild.scoring.params import DeclaredMeasure
from evobuild.selection import ranks
from stages import measure as stage

RUBRIC = {"1": "unclear", "3": "fair", "5": "clear"}


def declared(**values):
    return DeclaredMeasure.model_validate({"rubric": RUBRIC} | values)


def judging(**values):
    return Judging("clarity", declared(**values), 7)


def texts(*given):
    """Replies of one sample each, in order."""
    return [reply(f"id/{number}", text) for number, text in enumerate(given)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Score: 4", 4.0),
        ("It rambles.\n\nStill, mostly clear.\n\n**Score: 2**", 2.0),
        ('{"reasoning": "10 of 10 examples", "score": 1}', 1.0),
        ('{"clarity": "3"}', 3.0),
        ("4/5", 4.0),
        # As UltraFeedback's published ratings had it: never 10 for 1, never a default.
        ("Rating: 1", 1.0),
        ("Score: 10", None),
        ("Score: 0", None),
        ("somewhere from 3 to 4", None),
        ("3 for the start, 4 for the end", None),
        ("N/A", None),
        ("", None),
    ],
)
def test_a_number_is_read_or_is_none(text, value):
    found = judging().value("id", texts(text))
    assert found == Measured("id", value) if value is not None else isinstance(found, Reject)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Verdict: very good", "very good"),
        ('{"choice": "Very_Good"}', "very good"),
        ("It is not bad, I would say good.", "good"),
        ("good or bad", None),
        ("Answer: bad or good", None),
        ("excellent", None),
    ],
)
def test_a_choice_is_one_of_the_words(text, value):
    given = judging(rubric=None, prompt="judge/x.jinja", read="choice", scale=["bad", "good", "very good"])
    assert given.read(Choice(text, "stop", 3)) == value


def told(logprobs):
    """A reply of one token with the probabilities of others, as engines give them."""
    best = max(logprobs, key=logprobs.get)
    tokens = (best, *logprobs)
    return Choice(best, "length", 1, (tuple(logprobs[each] for each in tokens),), "", (tokens,))


def test_an_expected_value_is_the_mean_of_the_scale_by_probability():
    """As DEITA's scorers compute it: softmax over the logits of the tokens 1 to 6, times 1 to 6."""
    logits = [0.5, 3.25, -1.0, 0.125, -2.5, -7.0]
    whole = sum(map(math.exp, logits)) + math.exp(2.0)
    given = {f" {k}" if k % 2 else f"{k}": math.log(math.exp(x) / whole) for k, x in enumerate(logits, 1)}
    softmax = [math.exp(x) / sum(map(math.exp, logits)) for x in logits]
    wanted = sum(k * p for k, p in enumerate(softmax, 1))
    assert expected_value(told(given | {"the": math.log(math.exp(2.0) / whole)}), range(1, 7)) == (
        pytest.approx(wanted, rel=1e-12)
    )
    # hkust-nlp/deita-quality-scorer publishes this value for an example.
    published = 2.0230105920381902
    two = {"2": math.log(3 - published), "3": math.log(published - 2)}
    assert expected_value(told(two), range(1, 7)) == pytest.approx(published, rel=1e-12)
    assert expected_value(told({"7": -0.1, "x": -3.0}), range(1, 7)) is None
    assert expected_value(Choice("2", "length", 1), range(1, 7)) is None


def test_samples_have_seeds_of_their_own_and_are_aggregated(row):
    given = judging(samples=3, aggregate="median")
    asked = list(given.requests(row()))
    assert [each.sampling.seed for each in asked] == [7, 8, 9]
    assert [each.key for each in asked] == [f"{row().id}/{number}" for number in range(3)]
    assert given.value("id", texts("Score: 1", "Score: 5", "Score: 2")) == Measured("id", 2.0)
    # What cannot be read has no part in it.
    assert given.value("id", texts("Score: 1", "none", "Score: 2")) == Measured("id", 1.5)


def test_a_tie_of_choices_is_a_reject():
    given = judging(rubric=None, prompt="judge/x.jinja", read="choice", scale=["bad", "good"], samples=2)
    assert given.value("id", texts("bad", "good"))[:3] == ("id", "tied", "bad, good")
    assert given.value("id", texts("bad", "unsure")) == Measured("id", "bad")


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        (texts("I cannot say."), "unread"),
        ([reply("id/0", "Score: 1", "length")], "truncated"),
        ([reply("id/0", "", error="model error")], "model error"),
        (texts(" "), "empty"),
    ],
)
def test_an_unread_reply_is_a_reject_with_its_reason(replies, reason):
    assert judging().value("id", replies)[:3] == ("id", reason, "clarity")


def test_the_answer_is_shown_where_it_is_judged(row):
    rows = row(output="The Rhine.")
    assert "The Rhine." not in judging().prompt(rows)
    asked = judging(of="answer").prompt(rows)
    assert "The Rhine." in asked and "3: fair" in asked and "by its clarity" in asked


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompt": "judge/x.jinja"}, "expected a prompt, such as judge/clarity.jinja, or a rubric"),
        ({"rubric": None}, "expected a prompt"),
        ({"read": "choice", "rubric": {"good": "it is"}}, "two words or more"),
        ({"read": "choice", "rubric": {"good": "a", "Good": "b"}}, "two words or more"),
        ({"scale": [5, 1, 2]}, "the least and the most number"),
        ({"rubric": {"bad": "x", "good": "y"}}, "expected numbers, or words with read: choice"),
        ({"scale": [0, 5000]}, "a number from 0 to 999"),
        ({"read": "expected", "scale": [0, 100]}, "at most 20 whole numbers"),
        ({"read": "expected", "samples": 2}, "expected no samples beside read: expected"),
        ({"read": "list"}, "expected neither scale, rubric nor samples"),
        ({"aggregate": "majority"}, "majority beside read: choice"),
        ({"prompt": "../x.jinja", "rubric": None}, "pattern"),
        ({"tone": 1}, "not permitted"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        declared(**values)


def test_a_name_that_is_taken_and_a_template_that_does_not_fit_are_refused(tmp_path):
    for name in ("ifd", "scores", "random", "instruction"):
        with pytest.raises(BadParams, match=f"measures.{name}: a built-in column has this name"):
            check_measures({name: declared()})
    with pytest.raises(BadParams, match=r"difficulty_level.jinja does not use \{\{ answer \}\}"):
        check_measures(
            {"x": declared(rubric=None, prompt="judge/difficulty_level.jinja", scale=[1, 2], of="answer")}
        )
    with pytest.raises(BadParams, match=r"pair.jinja: unknown variable '\w+'"):
        check_measures({"x": declared(rubric=None, prompt="judge/pair.jinja", scale=[1, 2])})


def test_a_declared_measure_is_a_column_and_a_metric_while_it_is_declared():
    words = declared(rubric=None, prompt="judge/x.jinja", read="choice", scale=["bad", "good"], best="lowest")
    with declared_measures({"clarity": declared(), "kind": words}):
        assert [measure.name for measure in all_measures()[-2:]] == ["clarity", "kind"]
        assert all_columns()["kind"].kind == pl.String
        kinds = pl.DataFrame({"kind": ["good", "bad", None]})
        assert ranks.metric_values(kinds, "kind", 1).to_list() == [2.0, 1.0, None]
        assert not ranks.is_highest("kind") and ranks.is_highest("clarity")
    assert "clarity" not in all_metrics()


def test_a_product_multiplies_values_to_the_power_of_their_weights():
    table = pl.DataFrame({"id": ["a", "b", "c"], "ifd": [0.5, 2.0, None], "difficulty": [4.0, 3.0, 1.0]})
    found = ranks.add_worth(table, {"ifd": 1.0, "difficulty": 2.0}, 1, "product")
    assert found["metric"].to_list() == [8.0, 18.0, None]


@pytest.fixture
def ran(tmp_path, row, store):
    """Run the stage on two pools of four rows, one without answers, and give the folder of its outs."""

    def run(measure):
        (tmp_path / "responses").mkdir()
        for name, count in (("r0", 4), ("r1", 0)):
            rows = [row(f"Name river {number}.", output=f"River {number}.") for number in range(count)]
            tables.write(tmp_path / f"responses/{name}.parquet", tables.frame(INSTRUCTIONS, rows))
        given = load_all_params(SHIPPED_PARAMS)
        pools = {name: given.pools["r0"] for name in ("r0", "r1")}
        params = given.model_copy(update={"pools": pools, "measures": {"clarity": measure}})
        paths = {name: tmp_path / name for name in ("responses", "values", "rejects", "counts")}
        stage.main(params, stage.Arguments(measure="clarity", **paths))
        return tmp_path

    return run


def test_the_stage_writes_a_table_a_pool_and_rejects_what_is_unread(ran, engine):
    fake = engine(lambda asked: "no idea" if "river 2" in asked.messages[0].content else "Score: 3")
    out = ran(declared(of="answer"))
    assert all("River" in asked.messages[0].content for asked in fake.asked)
    assert pl.read_parquet(out / "values/r0.parquet")["clarity"].to_list() == [3.0] * 3
    assert pl.read_parquet(out / "values/r1.parquet").schema == {"id": pl.String, "clarity": pl.Float64}
    assert tables.read(out / "rejects", REJECTS)["reason"].to_list() == ["unread"]
    counts = json.loads((out / "counts").read_text())
    assert counts["r0"] == {"in": 4, "out": 3, "rejects": {"unread": 1}, "not_drawn": 0}
    assert counts["asked"][0]["role"] == "judge"


def test_a_measure_may_have_a_judge_of_its_own_and_fewer_rows(ran, engine):
    engine(lambda asked: Reply(asked.key, (told({"1": -0.1, "2": -3.0}),), 7))
    out = ran(declared(read="expected", scale=[1, 6], model="simulated:small", rows=3))
    counts = json.loads((out / "counts").read_text())
    assert counts["r0"] == {"in": 3, "out": 3, "rejects": {}, "not_drawn": 1}
    assert (counts["asked"][0]["role"], counts["asked"][0]["model"]) == ("measure clarity", "simulated:small")
    assert 1 < pl.read_parquet(out / "values/r0.parquet")["clarity"][0] < 1.1


@pytest.mark.parametrize(
    "values",
    [
        {"samples": 2},
        {"read": "expected", "scale": [1, 6]},
        {"rubric": None, "prompt": "judge/tags.jinja", "read": "list"},
        {"rubric": {"bad": "it fails", "good": "it works"}, "read": "choice"},
    ],
)
def test_the_simulated_judge_answers_whatever_is_declared(ran, values):
    out = ran(declared(**values))
    assert json.loads((out / "counts").read_text())["r0"]["out"] == 4
