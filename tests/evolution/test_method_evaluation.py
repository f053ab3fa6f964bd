"""Methods evaluated on rows: every kind of failure counts in λ, gains come from readable ratings alone."""

from __future__ import annotations

import re

import pytest
from fakes import reply
from rules import RULES

from evobuild.core.chat import Sampling
from evobuild.core.uri import ChatModel
from evobuild.evolution import methods
from evobuild.evolution.method_evaluation import MethodEvaluator
from evobuild.evolution.method_records import Evaluation, FailedRow
from evobuild.models.client import Model

METHOD = methods.normalise_slot("Make it harder.")
LABEL = "#Final Rewritten Instruction#:"
SAMPLING = Sampling(0.3, max_tokens=99, seed=5)


def answering(evolved=None, answered=None, score="Score: 20", equal="Not Equal"):
    """Answer as all models. evolved, answered: what row 3 gets; text, or (text, finish, error)."""

    def answer(asked):
        prompt = asked.messages[-1].content
        instruction, number = re.search(r"(row (\d+)[^\n]*)", prompt).groups()
        if asked.purpose == "evolve":
            given = evolved if number == "3" and evolved is not None else f"{LABEL} {instruction} but harder"
        elif asked.purpose == "respond":
            given = answered if number == "3" and answered is not None else "An answer."
        elif asked.purpose == "equal":
            given = equal if number == "3" else "Not Equal"
        else:
            given = score(prompt) if callable(score) else score
        return given if isinstance(given, str) else reply(asked.key, *given)

    return answer


def evaluate(row, rules=RULES, rated=False, texts=None, rows=None, truncated_fails=False):
    rows = rows or [row(f"row {number}") for number in range(4)]
    with Model(ChatModel("simulated", "small")) as evolver, Model(ChatModel("simulated", "large")) as judge:
        evaluator = MethodEvaluator(evolver, judge, SAMPLING, rules, truncated_fails)
        return evaluator.evaluate(texts or {0: METHOD}, rows, rated)


@pytest.mark.parametrize(
    ("changes", "stage", "reason"),
    [
        ({"evolved": "I would rather not."}, "evolve", "unparsable"),
        ({"evolved": f"{LABEL}\n"}, "evolve", "empty"),
        ({"evolved": ""}, "evolve", "empty"),
        ({"evolved": f"{LABEL} Row 3!"}, "evolve", "unchanged"),
        ({"evolved": f"{LABEL} row 3 #Plan# harder"}, "evolve", "markers copied"),
        ({"evolved": (f"{LABEL} row 3 but", "length")}, "evolve", "truncated"),
        ({"evolved": (f"{LABEL} row 3 but", "content_filter")}, "evolve", "content filter"),
        ({"evolved": ("", "stop", "prompt too long")}, "evolve", "model error"),
        ({"evolved": f"{LABEL} row 3{' and on' * 9}", "rules": {"max_growth": 9}}, "evolve", "grew too long"),
        ({"equal": "Equal", "rules": {"equal": True}}, "evolve", "equal"),
        ({"answered": "Understood.\nWhich one?"}, "respond", "stagnant complexity"),
        ({"answered": "Sure, which one?"}, "respond", "insufficient qualification"),
        ({"answered": "Please provide the row."}, "respond", "loss of key information"),
        ({"answered": ""}, "respond", "empty"),
        ({"answered": ("Half an", "length"), "truncated_fails": True}, "respond", "truncated"),
        ({"answered": ("Please provide the", "length")}, "respond", "loss of key information"),
        ({"answered": ("", "content_filter")}, "respond", "content filter"),
        ({"answered": ("", "stop", "content policy: no")}, "respond", "model error"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_kind_of_failure_counts_over_all_rows_and_is_told(row, engine, changes, stage, reason):
    rules = RULES.model_copy(update=changes.pop("rules", {}))
    truncated_fails = changes.pop("truncated_fails", False)
    engine(answering(**changes))
    evaluation = evaluate(row, rules, truncated_fails=truncated_fails)[0]
    assert evaluation.failure_rate == 1 / 4
    [failed] = evaluation.failed
    assert (failed.row, failed.stage, failed.reason) == (row("row 3").id, stage, reason)
    assert failed.instruction == ("row 3" if stage == "evolve" else "row 3 but harder")
    given = changes.get("evolved", changes.get("answered", f"{LABEL} row 3 but harder"))
    assert failed.reply == (given if isinstance(given, str) else "" if len(given) == 3 else given[0])
    assert failed.detail or reason in ("empty", "truncated", "content filter") or stage == "respond"


def test_without_failures_the_rate_is_zero_and_before_any_row_there_is_none(row, engine):
    engine(answering())
    assert evaluate(row)[0].failure_rate == 0
    assert Evaluation().failure_rate is None


@pytest.mark.parametrize("cut", ["Half an", "", "What is meant"], ids=["some", "none", "a beginning"])
def test_an_answer_that_was_cut_is_no_failure_by_itself(row, engine, cut):
    engine(answering(answered=(cut, "length")))
    assert (evaluate(row)[0].failed, evaluate(row, truncated_fails=True)[0].failure_rate) == ((), 1 / 4)


@pytest.mark.parametrize(
    ("kind", "stage", "asked"), [("evolved", "evolve", "row 3"), ("answered", "respond", "row 3 but harder")]
)
def test_a_row_without_a_reply_is_asked_again_then_left_out_and_told(row, engine, kind, stage, asked):
    fake = engine(answering(**{kind: ("", "stop", "timeout")}))
    evaluation = evaluate(row)[0]
    assert (len(evaluation.given), len(evaluation.judged), evaluation.failure_rate) == (4, 3, 0)
    assert evaluation.unjudged == (FailedRow(row("row 3").id, stage, "not judged", "timeout", asked, ""),)
    assert sum(each.purpose == stage and "row 3" in str(each.messages) for each in fake.asked) == 2
    assert (
        evaluation.summary == "judged on 3 of 4 rows; no reply came for the others, the last error: timeout"
    )


@pytest.fixture
def groups(monkeypatch):
    """Purpose and number of the requests of each call of the chat client; keys are unique in each."""
    found = []
    generate = Model.generate

    def counted(model, requests):
        requests = list(requests)
        assert len({request.key for request in requests}) == len(requests)
        found.append((requests[0].purpose, len(requests)))
        return generate(model, requests)

    monkeypatch.setattr(Model, "generate", counted)
    return found


def test_equality_is_asked_only_if_the_rules_want_it_and_once_for_equal_children(row, engine, groups):
    fake = engine(answering())
    texts = {0: METHOD, 1: f"Please!\n{METHOD}"}
    evaluate(row, texts=texts)
    evaluate(row, RULES.model_copy(update={"equal": True}), texts=texts)
    assert groups == [("evolve", 8), ("respond", 8), ("evolve", 8), ("equal", 8), ("respond", 8)]
    assert sum(asked.purpose == "equal" for asked in fake.asked) == 4


def test_each_method_is_tried_on_each_row_in_one_call_and_answered_in_one(row, engine, groups):
    fake = engine(answering(evolved="No."))
    evaluations = evaluate(row, texts={number: f"{number}!\n{METHOD}" for number in range(5)})
    assert groups == [("evolve", 20), ("respond", 15)]
    assert {number: evaluation.failure_rate for number, evaluation in evaluations.items()} == dict.fromkeys(
        range(5), 1 / 4
    )
    assert {asked.sampling for asked in fake.asked} == {SAMPLING}


@pytest.mark.parametrize("capacity", [1, 3, 8])
def test_what_is_asked_does_not_depend_on_the_order_of_replies(row, engine, capacity):
    fake = engine(answering(), capacity)
    rows = [row(f"row {number}") for number in range(4)]
    evaluate(row, rows=rows)
    answered = [asked.messages[0].content for asked in fake.asked if asked.purpose == "respond"]
    assert answered == [f"{each.instruction} but harder" for each in sorted(rows, key=lambda each: each.id)]


def scored(prompt):
    """Row 0 gains 30; row 1 has an unreadable child, row 2 an unreadable parent, row 3 loses 10."""
    number, harder = re.search(r"row (\d)( but harder)?", prompt).groups()
    scores = {"0": (10, 40), "1": (10, None), "2": (None, 40), "3": (20, 10)}[number]
    score = scores[bool(harder)]
    return "It depends." if score is None else f"Score: {score}"


def test_the_gain_is_the_mean_over_rows_with_two_readable_ratings(row, engine):
    fake = engine(answering(score=scored))
    evaluation = evaluate(row, rated=True)[0]
    assert sorted(evaluation.gains.values()) == [-10, 30]
    assert evaluation.difficulty_gain == 10
    assert sum(asked.purpose == "rate_score" for asked in fake.asked) == 8


def test_a_row_that_failed_has_no_gain(row, engine):
    engine(answering(answered="Sure?", score=scored))
    assert evaluate(row, rated=True)[0].gains == {row("row 0").id: 30}


def test_the_judge_is_not_asked_for_gains_that_nobody_wants(row, engine):
    fake = engine(answering())
    assert evaluate(row)[0].difficulty_gain is None
    assert {asked.purpose for asked in fake.asked} == {"evolve", "respond"}


def test_no_readable_rating_is_no_gain_of_zero(row, engine):
    engine(answering(score="Hard to say."))
    assert evaluate(row, rated=True)[0].difficulty_gain is None


def trajectories(row, rounds, rows):
    with Model(ChatModel("simulated", "small")) as evolver:
        return MethodEvaluator(evolver, None, SAMPLING, RULES).run_trajectories(4, METHOD, rows, rounds)


def test_a_trajectory_holds_every_stage_and_ends_where_it_fails(row, engine):
    fake = engine(answering(evolved="No label."))
    rows = [row("row 3"), row("row 5", input="a table")]
    failed, sound = trajectories(row, 2, rows)
    assert (failed.step, failed.number, failed.row) == (4, 1, rows[0])
    assert (failed.stages, failed.verdicts) == (["row 3", "No label."], ["unparsable"])
    assert sound.stages == [f"row 5{' but harder' * round}\n\na table" for round in range(3)]
    assert (sound.number, sound.verdicts) == (2, [None, None])
    assert [asked.purpose for asked in fake.asked] == ["evolve"] * 3


@pytest.mark.parametrize(
    ("evolved", "stage", "verdict"),
    [
        ("", "(no reply)", "empty"),
        (("", "stop", "prompt too long"), "(no reply)", "model error"),
        (("", "stop", "timeout"), "(no reply: timeout)", "not judged"),
    ],
)
def test_a_stage_without_a_reply_says_so(row, engine, evolved, stage, verdict):
    engine(answering(evolved=evolved))
    [case] = trajectories(row, 1, [row("row 3")])
    assert (case.stages, case.verdicts) == (["row 3", stage], [verdict])
    assert case.is_whole is (verdict != "not judged")


def test_a_method_is_judged_by_more_than_rows_are_lost_for():
    lenient = RULES.model_copy(update={"unchanged": False, "answered": False, "markers": False})
    assert lenient.method_rules == RULES
