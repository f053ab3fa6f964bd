"""Ask the judge for a rating of an answer, from 1 to 10, and parse it."""

from __future__ import annotations

import re

from evobuild.core.chat import Reply
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import user_chat
from evobuild.evaluation.fence import make_fence_mark
from evobuild.evaluation.judge import Question
from evobuild.evaluation.pairwise import Pair

RATE = "judge/mt_bench.jinja"
"""Template of the judge's prompt for a rating."""
BEST = 10.0
_RATING = re.compile(r"\[\[([0-9]{1,9}\.?[0-9]{0,9})\]\]")
_LOOSE_RATING = re.compile(r"\[([0-9]{1,9}\.?[0-9]{0,9})\]")


def rating_question(turns: Pair) -> Question:
    """Build the question how good the answers of `one` are."""
    references = turns.references or ("",) * len(turns.questions)
    given = [
        {"question": question, "reference": reference, "answer": answer}
        for question, reference, answer in zip(turns.questions, references, turns.one, strict=True)
    ]
    mark = make_fence_mark(text for turn in given for text in turn.values())
    return Question(turns.key, user_chat(render_prompt(RATE, turns=given, mark=mark)))


def read_rating(reply: Reply) -> float | None:
    """Parse a rating from 0 to 10; None without one.

    It is the first number in double brackets, else in single ones, as in FastChat. 0 is allowed, because
    GPT-4 has rated empty answers so.
    """
    found = _RATING.search(reply.text) or _LOOSE_RATING.search(reply.text)
    rating = float(found[1]) if found else None
    return rating if rating is not None and rating <= BEST else None
