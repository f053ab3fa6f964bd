"""Rows evolved and judged in one way, whoever asks for it."""

from __future__ import annotations

import pytest
from rules import RULES

from evobuild.core.chat import Sampling
from evobuild.core.errors import UserError
from evobuild.core.instructions import Instruction
from evobuild.core.rejects import Reject
from evobuild.core.uri import ChatModel
from evobuild.evolution.attempts import SHOWN, Evolution
from evobuild.evolution.auto import plan_by_method
from evobuild.models.client import Model

LABEL = "#Final Rewritten Instruction#:"
PLAN = plan_by_method("Rewrite it.\n\n#Instruction#:\n{instruction}")
SAMPLING = Sampling(0.7, 0.9, 99, seed=5)


def answering(verdict):
    """Evolve all but those about a lake; say this of each child."""

    def answer(asked):
        if asked.purpose == "equal":
            return verdict
        text = asked.messages[0].content.rpartition("#Instruction#:\n")[2]
        return "no label" if "lake" in text else f"{LABEL} {text} Say why."

    return answer


def attempts(rows, judge=True, sampling=SAMPLING):
    with Model(ChatModel("simulated", "fake")) as evolver, Model(ChatModel("simulated", "judge")) as other:
        evolution = Evolution("r7", evolver, other if judge else None, RULES)
        tasks = ((f"task {number}", PLAN(row)) for number, row in enumerate(rows))
        return {each.key: each for each in evolution.attempt(tasks, sampling)}


@pytest.mark.parametrize("judge", [True, False])
def test_each_task_gives_one_attempt_under_its_key(row, engine, judge):
    engine(answering("Not Equal"), capacity=2)
    rows = [row(f"Name a {'lake' if number % 3 == 0 else 'river'}, {number}.") for number in range(7)]
    found = attempts(rows, judge)
    assert sorted(found) == [f"task {number}" for number in range(7)]
    assert all(found[f"task {number}"].step.parent is each for number, each in enumerate(rows))
    lost = {key for key, each in found.items() if isinstance(each.result, Reject)}
    assert lost == {"task 0", "task 3", "task 6"}


def test_a_child_is_of_the_round_and_its_evolver_is_named(row, engine):
    engine(answering("Not Equal"))
    (found,) = attempts([row()]).values()
    assert isinstance(found.result, Instruction)
    made = found.result.round, found.result.strategy, found.result.evolver, found.result.responder
    assert made == ("r7", "auto", "simulated:fake", "")


def test_the_judge_is_greedy_whatever_the_evolvers_sampling(row, engine):
    fake = engine(answering("Not Equal"))
    attempts([row()])
    sampling = {asked.purpose: asked.sampling for asked in fake.asked}
    assert sampling == {"evolve": SAMPLING, "equal": Sampling(max_tokens=99)}


def test_what_the_judge_said_of_an_equal_child_is_kept_in_a_line(row, engine):
    engine(answering(f"They are\n\n{'the same ' * 99}: Equal"))
    parent = row()
    (found,) = attempts([parent]).values()
    assert found.result == Reject(parent.id, "equal", found.result.detail, found.reply.text)
    assert found.result.detail.startswith("the judge: They are the same the same")
    assert len(found.result.detail) == len("the judge: ") + SHOWN


def test_equal_children_of_one_parent_are_judged_each_for_itself(row, engine):
    fake = engine(answering("Equal"))
    found = attempts([row(), row()])
    assert [each.result.reason for each in found.values()] == ["equal", "equal"]
    assert sum(asked.purpose == "equal" for asked in fake.asked) == 1


def test_an_unclear_verdict_leaves_the_child(row, engine):
    engine(answering("Equal or Not Equal?"))
    (found,) = attempts([row()]).values()
    assert isinstance(found.result, Instruction)
    assert not found.judged


def test_probabilities_that_are_not_given_are_an_error_before_anything_is_judged(row, engine):
    fake = engine(answering("Not Equal"))
    with pytest.raises(UserError, match="simulated:fake returns no token probabilities"):
        attempts([row()], sampling=Sampling(logprobs=1))
    assert {asked.purpose for asked in fake.asked} == {"evolve"}
