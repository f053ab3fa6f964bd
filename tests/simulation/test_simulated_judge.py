"""The simulated judge of benchmarks: it keeps to every form, mostly agrees with itself, and fails."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from evobuild import simulation
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmarks.alpaca_eval.preference import read_probability
from evobuild.evaluation.benchmarks.mt_bench.rating import rating_question, read_rating
from evobuild.evaluation.pairwise import PAIR_PROMPTS, Pair, combine, pair_question
from evobuild.simulation.judge import _UNCLEAR

ASKED = "Give three tips for staying healthy."
MARK = "0123abcd"
PAIRS = [
    Pair(str(number), (ASKED,), (f"Sleep, {number} times.",), (f"{number} tips: walk.",))
    for number in range(150)
]


def ask(prompt, **sampling):
    given = Sampling(**{"temperature": 0.7} | sampling)
    return simulation.answer("small", Request("", "judge", (Message("user", prompt),), given))


def read_all(questions, read):
    """What is read of the replies, by key; the unreadable ones are few, and said as by a judge."""
    replies = {each.key: ask(each.messages[0].content) for each in questions}
    found = {key: read(each) for key, each in replies.items()}
    unread = [replies[key].text for key, value in found.items() if value is None]
    assert 0 < len(unread) < 0.06 * len(found) and {*unread} <= {*_UNCLEAR}
    return found


def test_ratings_are_spread_and_an_answer_that_asks_back_gets_a_low_one():
    ratings = Counter(read_all(map(rating_question, PAIRS), read_rating).values())
    assert set(ratings) - {None} <= set(map(float, range(1, 11))) and len(ratings) > 4
    back = Pair("back", (ASKED,), ("Could you please provide them?",), ())
    assert read_rating(ask(rating_question(back).messages[0].content)) < 5


@pytest.mark.parametrize(("template", "read"), PAIR_PROMPTS.values(), ids=PAIR_PROMPTS)
def test_pairs_have_every_outcome_and_orders_mostly_agree(template, read):
    asked = [pair_question(pair if n == 1 else pair.swapped(), n, template) for pair in PAIRS for n in (1, 2)]
    said = read_all(asked, read)
    outcomes = [combine(said[f"{pair.key}/order1"], said[f"{pair.key}/order2"]) for pair in PAIRS]
    assert {outcome for outcome, _ in outcomes} == {"win", "tie", "lose", None}
    consistent = Counter(agree for _, agree in outcomes)
    assert 0 < consistent[False] < 0.15 * consistent[True]


def test_a_letter_has_the_probabilities_that_it_was_chosen_by():
    prompt = render_prompt(
        "judge/alpaca_eval.jinja", instruction=ASKED, first="Sleep.", second="No.", mark=MARK
    )
    choices = ask(prompt, logprobs=5, token_texts=True, n=200).choices
    shares = [read_probability(Reply("", (choice,), 0)) for choice in choices]
    known = [share for share in shares if share is not None]
    assert 0.9 * 200 < len(known) < 200 and 0 < min(known) < 0.5 < max(known) < 1
    for choice, share in zip(choices, shares, strict=True):
        if share is not None:
            chosen, best, *_ = choice.logprobs[0]
            assert (share > 0.5) == ((choice.text == "M") == (chosen == best))


def test_lists_of_verdicts_are_as_long_as_was_asked_for():
    steps = ["", "Name a fish.", "Name two fish.", "Name two blue fish."]
    given = {"kind": "constraint", "instructions": steps, "answer": "Cod.", "mark": MARK}
    found = Counter(
        choice.text for choice in ask(render_prompt("judge/followbench.jinja", **given), n=300).choices
    )
    lists = [ast.literal_eval(text) for text in found if text.startswith("[")]
    assert len(lists) == 8 and all(len(each) == 3 and {*each} <= {"YES", "NO"} for each in lists)
    assert 0 < sum(found[text] for text in _UNCLEAR) < 20


@pytest.mark.parametrize("prompt", ["", "the mark 0123abcd", "Verdict: [[A]]", "<A 0123abcd>\n" * 3000])
def test_a_prompt_that_is_none_of_ours_is_answered_too(prompt):
    assert len(ask(prompt, n=5).choices) == 5
