"""Verdicts of a judge on parent and child."""

from __future__ import annotations

import pytest
from fakes import reply

from evobuild.core.chat import Sampling
from evobuild.core.uri import ChatModel
from evobuild.evolution import equality
from evobuild.models.client import Model

EQUAL = [
    "Equal",
    "equal.",
    "Equal!",
    "**Equal**",
    "`Equal`",
    "They are equal.",
    "I could not find a difference. Equal.",
    "Are they equal? Yes.",
    "Verdict: **Equal**.",
    "Judgement:\nEqual",
    "The second isn't equal in its words.\n\nVerdict: Equal",
    '{"equal": true, "why": "the same task"}',
    '{"verdict": "Equal"}',
]
NOT_EQUAL = [
    "Not Equal",
    "not equal.",
    "NOT EQUAL",
    "**Not Equal**",
    "**Not** Equal",
    "NOT_EQUAL",
    "Not-Equal",
    "NotEqual",
    "Unequal.",
    "They are not equal.",
    "They aren't equal",
    "They’re not really equal.",
    "They are neither the same nor equal.",
    "Are they equal? No.",
    "verdict is: not equal",
    "My answer is that they are not equal.",
    "Judgement:\nNot Equal",
    "Not Equal\nThey would be equal if the limit were dropped.",
    "It is Equal or Not Equal. The second adds a limit.\n\nVerdict: Not Equal",
    "<think>Is it equal, or not equal? Hm.</think>\nNot Equal",
    "Verdict: Equal\nOn a second look:\nVerdict: Not Equal",
    '{"verdict": "Not Equal"}',
    '{"equal": false}',
]
UNCLEAR = [
    "",
    "Equal or Not Equal?",
    "Verdict: Equal or Not Equal",
    "They are equal in depth, but not equal in constraints.",
    "They are equally hard.",
    "The equality is plain.",
    "I cannot say.",
]


@pytest.mark.parametrize(
    ("text", "equal"),
    [
        *((text, True) for text in EQUAL),
        *((text, False) for text in NOT_EQUAL),
        *((text, None) for text in UNCLEAR),
    ],
)
def test_a_verdict_is_read_in_any_wording_and_none_is_made_up(text, equal):
    assert equality.read_equality_verdict(text) is equal


def judged(pairs):
    with Model(ChatModel("simulated", "fake")) as model:
        keyed = (equality.EqualityPair(child.id, parent, child) for parent, child in pairs)
        return {each.key: each for each in equality.judge_equality(keyed, model, Sampling())}


def test_each_child_gets_the_verdict_on_itself(row, engine):
    fake = engine(lambda asked: "Not Equal" if "long river" in asked.messages[0].content else "Equal")
    parent = row(input="{{ here }}", history=(("user", "Hi."), ("assistant", "Hello.")))
    same, harder = (
        row(text, input="there", history=parent.history) for text in ("Name a river!", "Name a long river.")
    )
    found = judged([(parent, same), (parent, harder)])
    assert {key: verdict.equal for key, verdict in found.items()} == {same.id: True, harder.id: False}
    for text in ("Name a river.", "{{ here }}", "there", "user: Hi.", "assistant: Hello."):
        assert all(text in asked.messages[0].content for asked in fake.asked)
    assert {asked.purpose for asked in fake.asked} == {"equal"}


@pytest.mark.parametrize("given", [{"finish": "length"}, {"error": "overloaded"}])
def test_a_reply_that_did_not_end_well_is_no_verdict(row, engine, given):
    engine(lambda asked: reply(asked.key, "Equal", **given))
    (verdict,) = judged([(row(), row("Name a lake."))]).values()
    assert verdict.equal is None
