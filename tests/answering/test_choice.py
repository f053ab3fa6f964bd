"""Several sampled answers of a row: which one it gets, and why it gets none."""

from __future__ import annotations

import pytest
from fakes import reply

from evobuild.answering.choice import CANDIDATES, EXTRACTORS, choose_answer, choose_answers
from evobuild.answering.params import Respond
from evobuild.answering.respond import Asking, Response
from evobuild.core import tables
from evobuild.core.chat import Sampling
from evobuild.core.rejects import Reject
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model


def respond(**values):
    return Respond.model_validate({"samples": 4, "choose": "agreement", "temperature": 0.7} | values)


def responses(row, *texts):
    """Responses to one row; None is a failure."""
    return [
        Response(row, number, reply(f"{row.id}/{number}", text or "x"), "" if text else "sorry")
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("extract", "text", "equal"),
    [
        ("number", "So it is 1,000.", "The sum: 1000.0"),
        ("number", r"\boxed{\frac12}", "#### 0.5"),
        ("number", "5 apples", "$5"),
        ("choice", "The answer is (B).", "B"),
        ("boxed", r"thus \boxed{x + 1}", r"\boxed{x + 1} is it"),
    ],
)
def test_final_answers_are_compared_not_texts(extract, text, equal):
    assert EXTRACTORS[extract](text) == EXTRACTORS[extract](equal) is not None


def test_the_answer_that_most_samples_give_is_chosen(row):
    found = choose_answer(responses(row(), "7", "It is 42.", "42", "#### 42"), respond(), "m")
    assert (found.result.output, found.result.responder) == ("It is 42.", "m")
    assert [each.chosen for each in found.candidates] == [False, True, False, False]
    assert [each.final_answer for each in found.candidates] == ["7", "42", "42", "42"]
    assert tables.frame(CANDIDATES, found.candidates).height == 4


@pytest.mark.parametrize(
    ("texts", "reason", "detail"),
    [
        (("7", "7", "8", "8"), "answers tied", "2 of 4 samples: 7, and 8"),
        # Samples without a final answer cast no vote: they never win, and they are not left out of the share.
        (("none", "none", "none", "9"), "answers disagree", "1 of 4 samples: 9"),
        (("none", None, "nothing", None), "no final answer", ""),
        ((None, None, None, None), "sorry", ""),
    ],
)
def test_a_row_whose_samples_do_not_agree_is_a_reject(row, texts, reason, detail):
    found = choose_answer(responses(row(), *texts), respond(), "m")
    assert isinstance(found.result, Reject)
    assert (found.result.reason, found.result.detail) == (reason, detail)
    assert not any(each.chosen for each in found.candidates)


@pytest.mark.parametrize(
    ("extra", "extract", "texts", "output"),
    [
        ('{"answer": "#### 1,450"}', "number", ("12", "1450", "1,450"), "1450"),
        ('{"answer": 3}', "number", ("x", None, "3.0"), "3.0"),
        ('{"answer": 0}', "number", ("1", "It is 0."), "It is 0."),
        ('{"answer": "C"}', "choice", ("B", "The answer is C."), "The answer is C."),
        ('{"answer": "x + 1"}', "boxed", (r"\boxed{x}", r"\boxed{x + 1}"), r"\boxed{x + 1}"),
    ],
)
def test_the_first_sample_with_the_gold_answer_is_chosen(row, extra, extract, texts, output):
    given = respond(choose="gold", extract=extract)
    assert choose_answer(responses(row(extra=extra), *texts), given, "m").result.output == output


@pytest.mark.parametrize(
    ("extra", "reason"), [("", "no gold answer"), ('{"answer": 4}', "no answer is the gold one")]
)
def test_a_row_without_the_gold_answer_is_a_reject(row, extra, reason):
    found = choose_answer(responses(row(extra=extra), "5", "6"), respond(choose="gold"), "m")
    assert found.result.reason == reason


def test_the_first_that_is_no_failure_is_chosen_by_default(row):
    found = choose_answer(responses(row(), None, "b", "c"), respond(choose="first"), "m")
    assert found.result.output == "b"


def test_more_samples_ask_the_first_ones_again_by_the_same_seeds(row, engine):
    fake = engine(lambda asked: f"{asked.sampling.seed % 2}")
    rows = [row(f"Count {number}.") for number in range(3)]
    asking = Asking("respond/answer.jinja", Sampling(0.7, seed=5), ())
    with Model(ChatModel("simulated", "large")) as model:
        few = list(choose_answers(rows, model, asking, respond(samples=3)))
        calls = len(fake.asked)
        more = list(choose_answers(rows, model, asking, respond(samples=5)))
    assert (calls, len(fake.asked)) == (9, 15)
    assert {each.sampling.seed for each in fake.asked} == {5, 6, 7, 8, 9}
    assert [each.result.output for each in (*few, *more)] == ["1"] * 6
