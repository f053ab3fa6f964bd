"""The simulated engine's bank of constraints: right about itself, and told from ordinary texts.

Its functions are ours and still run in the sandbox, all of them in one.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from evobuild import sandbox
from evobuild.sandbox import choice
from evobuild.simulation.constraints import FAMILIES, Constraint, find, find_code, generic
from evobuild.simulation.constraints.editing import VARIANTS
from evobuild.simulation.phrases import ADDITIONS

ROOT = Path(__file__).parents[2]
SHIPPED = (ROOT / "data/raw/constraints.txt").read_text().splitlines()
ALL = (*FAMILIES, *generic.FAMILIES)
LIMITS = sandbox.Limits(seconds=20.0, memory=256, output=2**20, modules=None, allow_weaker_isolation=False)
ANSWERS = (
    "The key to rivers is care, and a map.\n\n**Name 3.** Look at them first; then go on.\n\n"
    '```python\nif x:\n    return "a, b"\n```\n\n| Point | Weight |\n|---|---|\n| a | 3 |\n\n- One\n'
    "1. Two\n\nIn short, treat the rivers with care! 1,200 e.g. — #### 42",
    "Po.",
    "首先要明确目标和条件。\n\n其次应当逐步处理。",
    "Sure! Which conditions do you have in mind?",
)
isolated = pytest.mark.skipif(not choice.usable_isolations(), reason="this machine offers no isolation")


def instances(family) -> list[Constraint]:
    numbers = (family.numbers[0], family.numbers[-1]) if family.numbers else (4,)
    words = (family.words[0], family.words[-1]) if family.words else ("river",)
    return [Constraint(family, number, word) for number in numbers for word in words]


def cases(constraint: Constraint) -> list[tuple[str, bool]]:
    found = {}
    for variant in range(VARIANTS):
        keeping, breaking = constraint.edges(variant)
        found |= dict.fromkeys(keeping, True) | dict.fromkeys(breaking, False)
    return list(found.items())


@cache
def verdicts() -> dict[tuple[Constraint, str], dict[str, object]]:
    """What each function of the bank says of its cases and of the answers made to keep it."""
    functions = [
        (each, body) for family in ALL for each in instances(family) for body in family.right + family.wrong
    ]
    asked, codes = [], []
    for place, (constraint, body) in enumerate(functions):
        codes.append(constraint.function(body).replace("def evaluate", f"def evaluate_{place}"))
        texts = [text for text, _ in cases(constraint)] + [constraint.keep(text) for text in ANSWERS]
        asked += [(place, text) for text in texts]
    codes.append('def judge(place, text):\n    return globals()[f"evaluate_{place}"](text)')
    (outcome,) = sandbox.run_jobs([sandbox.Job("bank", "\n\n".join(codes), "judge", tuple(asked))], LIMITS)
    assert outcome.error is None
    found: dict[tuple[Constraint, str], dict[str, object]] = {each: {} for each in functions}
    for (place, text), given in zip(asked, outcome.answers, strict=True):
        found[functions[place]][text] = given.error or given.value
    return found


@isolated
@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_a_right_function_judges_every_case_right(family) -> None:
    for constraint in instances(family):
        for body in family.right:
            said = verdicts()[constraint, body]
            assert [(text, said[text]) for text, _ in cases(constraint)] == cases(constraint), body


@isolated
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_an_answer_made_to_keep_a_constraint_keeps_it(family) -> None:
    for constraint in instances(family):
        for body in family.right:
            said = verdicts()[constraint, body]
            assert [text for each in ANSWERS if said[text := constraint.keep(each)] is not True] == [], body


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_there_are_enough_cases_for_many_verifiers(family) -> None:
    assert all(len(cases(constraint)) >= 18 for constraint in instances(family))


@isolated
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_wrong_function_is_wrong_about_some_cases_and_right_about_others(family) -> None:
    for constraint in instances(family):
        for body in family.wrong:
            said = verdicts()[constraint, body]
            right = [said[text] is expected for text, expected in cases(constraint)]
            assert True in right and False in right, body


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_wording_and_every_function_is_recognised(family) -> None:
    number, word = family.numbers[0] if family.numbers else 0, family.words[0] if family.words else ""
    constraint = Constraint(family, number, word)
    for template in family.wordings:
        text = constraint.wording(template)
        assert find(text) == constraint
        assert find(f"Please {text[0].lower()}{text[1:].rstrip('.')}") == constraint
        assert find(f"{text.rstrip('.')} in your answer. Thank you.") == constraint
    assert find(constraint.wording(family.opposite)) != constraint
    for body in family.right:
        assert find_code(constraint.function(body, "any remark")) == (constraint, True)
    assert all(find_code(constraint.function(body)) for body in family.wrong)


def test_shipped_constraints_are_36_of_as_many_families() -> None:
    found = [find(line) for line in SHIPPED]
    assert len(found) == len({each.family.name for each in found if each}) == 36


def test_ordinary_texts_are_no_constraints() -> None:
    phrases = [text for domains in ADDITIONS.values() for texts in domains.values() for text in texts]
    sample = [json.loads(line) for line in (ROOT / "data/raw/sample.jsonl").read_text().splitlines()]
    texts = [text.format(w="river", k=5) for text in phrases]
    texts += [part for row in sample for part in json.dumps(row, ensure_ascii=False).split("\\n")]
    assert [text for text in texts if find(text)] == []
    assert find("") is find(f"Get by without any comma.{' ' * 300}") is None
