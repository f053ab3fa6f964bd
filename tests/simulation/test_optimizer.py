"""The simulated optimizer: what it finds in trajectories, and which clause it mends a method with."""

from __future__ import annotations

import pytest

from evobuild.core.prompts import render
from evobuild.simulation import repairs
from evobuild.simulation.constants import CLAUSE_FACTORS
from evobuild.simulation.method import clauses_of
from evobuild.simulation.optimizer import cases_of, problems

SEED = "Name 3 rivers of Europe."
CODE = "Explain this loop:\n```python\nfor x in y: pass\n```"


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (SEED, f"{SEED} Compare two of them.", []),
        (SEED, "#Finally Rewritten Instruction#:\nName 3 rivers of Europe and their sources.", []),
        (SEED, "(no reply)", ["unparsable"]),
        (SEED, "Sure, here you are.", ["unparsable"]),
        (SEED, SEED, ["unchanged"]),
        (SEED, f"{SEED} #Methods List# Compare two.", ["echoed"]),
        (SEED, "Here is the answer: Rhine, Rhone, Elbe.", ["answered"]),
        (SEED, f"{SEED} Use the attached table.", ["lost"]),
        (SEED, "Make it more complex.", ["stagnant"]),
        (SEED, "Nenne 3 der Flüsse von Europa und wo sie sind.", ["translated"]),
        (SEED, f"{SEED}{' Say more about it, please.' * 40}", ["swollen"]),
        (SEED, "Name several rivers of Europe and compare them.", ["dropped"]),
        (CODE, "Explain this loop and its costs, line by line.", ["dropped"]),
    ],
)
def test_what_is_wrong_with_a_stage_is_named(before, after, found):
    assert problems([before, after]) == found


def test_every_stage_is_held_against_the_one_before():
    assert problems([SEED, SEED, f"{SEED} Use the attached table."]) == ["unchanged", "lost"]


@pytest.mark.parametrize("reason", repairs.REASONS)
def test_a_reason_in_the_feedback_is_understood_and_answered_by_a_clause_against_it(reason):
    for sentence in repairs.REASONS[reason]:
        assert reason in [name for name, sign in repairs.SIGNS.items() if sign.search(sentence)]
    assert all(clause in CLAUSE_FACTORS for clause in repairs.REMEDIES[reason])
    for clause in repairs.REMEDIES[reason]:
        assert all(clause in clauses_of(sentence) for sentence in repairs.CLAUSES[clause])


def test_cases_are_read_without_the_conversation_before_them():
    talk = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good morning"}]
    cases = [
        {"number": 1, "history": talk, "stages": [SEED, f"{SEED}\n\nAnd more."]},
        {"number": 2, "history": [], "stages": [CODE]},
    ]
    prompt = render("optimize/analyse.jinja", cases=cases)
    assert "user: Hello\nassistant: Good morning" in prompt
    assert cases_of(prompt) == [("1", [SEED, f"{SEED}\n\nAnd more."]), ("2", [CODE])]
