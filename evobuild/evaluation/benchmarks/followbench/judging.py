"""The part of FollowBench that a judge decides: what it is asked, and how its reply is read.

The judge sees how the instruction grew, constraint by constraint, and the answer. Its reply is read as the
repository's code reads it, so that judgments which others published can be read too; only that none of it is
run as Python. What that code counts as -1 is None here.
"""

from __future__ import annotations

from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import Item, user
from evobuild.evaluation.fence import mark_of
from evobuild.evaluation.judge import Question

PROMPT = "judge/followbench.jinja"

KINDS = {
    "content": "constraint on the content",
    "situation": "constraint of the situation (what describes a background or a particular case)",
    "style": "constraint of style",
    "format": "constraint of format",
    "mixed": "constraint, of whatever kind",
}
"""What is added to the instructions of a family."""

SATISFIED, NOT_SATISFIED = "YES", ("NO", "PARTIAL", "MAYBE", "UNKNOWN", "N/A")
QUOTES = "'\""


def question(item: Item, answer: str) -> Question:
    """What the judge is asked of an answer; its key is the item's id."""
    instructions = item.content["instructions"]
    prompt = render_prompt(
        PROMPT,
        kind=KINDS[item.group],
        instructions=instructions,
        answer=answer,
        mark=mark_of((*instructions, answer)),
    )
    return Question(item.id, user(prompt))


def read_judgment(text: str, level: int) -> tuple[bool, ...] | None:
    """Whether each of so many constraints is satisfied; None if the reply does not say so in form.

    Its last line counts: at level 1 a YES or a NO anywhere in it, else a list of as many texts.
    """
    line = text.strip("`").strip().rpartition("\n")[2]
    if level == 1:
        return (SATISFIED in line,) if SATISFIED in line or "NO" in line else None
    start, end = line.find("["), line.rfind("]")
    if start < 0 or end < start:
        return None
    said = [_unquoted(part.strip()) for part in line[start + 1 : end].split(",")]
    if len(said) == level + 1 and said[-1] == "":  # a comma after the last
        said.pop()
    if len(said) != level or not all(each == SATISFIED or each in NOT_SATISFIED for each in said):
        return None
    return tuple(each == SATISFIED for each in said)


def _unquoted(part: str) -> str | None:
    """What stands in quotes; '' of nothing at all, None of what has none."""
    if len(part) >= 2 and part[0] == part[-1] and part[0] in QUOTES:
        return part[1:-1] or None
    return None if part else ""
