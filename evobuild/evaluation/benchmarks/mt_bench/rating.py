"""The judge's rating of an answer, from 1 to 10: how it is asked for, and how it is read."""

from __future__ import annotations

import re

from evobuild.core.chat import Reply
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import user
from evobuild.evaluation.fence import mark_of
from evobuild.evaluation.judge import Question
from evobuild.evaluation.pairwise import Pair

RATE = "judge/mt_bench.jinja"
"""The judge's prompt for a rating."""
BEST = 10.0
_RATING = re.compile(r"\[\[([0-9]{1,9}\.?[0-9]{0,9})\]\]")
_LOOSE_RATING = re.compile(r"\[([0-9]{1,9}\.?[0-9]{0,9})\]")


def rating_question(turns: Pair) -> Question:
    """Ask how good the answers of `one` are."""
    references = turns.references or ("",) * len(turns.questions)
    given = [
        {"question": question, "reference": reference, "answer": answer}
        for question, reference, answer in zip(turns.questions, references, turns.one, strict=True)
    ]
    mark = mark_of(text for turn in given for text in turn.values())
    return Question(turns.key, user(render_prompt(RATE, turns=given, mark=mark)))


def read_rating(reply: Reply) -> float | None:
    """Read a rating from 0 to 10; None without one.

    The first number in two brackets, or in one if there is none in two, as FastChat has it. GPT-4 has given 0
    to what is no answer at all.
    """
    found = _RATING.search(reply.text) or _LOOSE_RATING.search(reply.text)
    rating = float(found[1]) if found else None
    return rating if rating is not None and rating <= BEST else None
