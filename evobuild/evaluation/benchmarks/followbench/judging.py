"""Ask the judge about FollowBench's constraints, and parse its replies.

The judge sees how the instruction grew, constraint by constraint, and the answer. Its reply is parsed as in
the repository's code, so that published judgments can be parsed too, but never evaluated as Python. Where
that code returns -1, this one returns None.
"""

from __future__ import annotations

from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import Item, user_chat
from evobuild.evaluation.fence import make_fence_mark
from evobuild.evaluation.judge import Question

PROMPT = "judge/followbench.jinja"

KINDS = {
    "content": "constraint on the content",
    "situation": "constraint of the situation (what describes a background or a particular case)",
    "style": "constraint of style",
    "format": "constraint of format",
    "mixed": "constraint, of whatever kind",
}
"""What each level adds to the instructions of a family."""

SATISFIED, NOT_SATISFIED = "YES", ("NO", "PARTIAL", "MAYBE", "UNKNOWN", "N/A")
QUOTES = "'\""


def judge_question(item: Item, answer: str) -> Question:
    """Build the question about an answer; its key is the item's id."""
    instructions = item.content["instructions"]
    prompt = render_prompt(
        PROMPT,
        kind=KINDS[item.group],
        instructions=instructions,
        answer=answer,
        mark=make_fence_mark((*instructions, answer)),
    )
    return Question(item.id, user_chat(prompt))


def read_judgment(text: str, level: int) -> tuple[bool, ...] | None:
    """Parse whether each of `level` constraints is satisfied; None if the reply has another form.

    The last line counts: at level 1 a YES or a NO anywhere in it, else a list of `level` texts.
    """
    line = text.strip("`").strip().rpartition("\n")[2]
    if level == 1:
        return (SATISFIED in line,) if SATISFIED in line or "NO" in line else None
    start, end = line.find("["), line.rfind("]")
    if start < 0 or end < start:
        return None
    said = [_strip_quotes(part.strip()) for part in line[start + 1 : end].split(",")]
    if len(said) == level + 1 and said[-1] == "":  # a comma after the last
        said.pop()
    if len(said) != level or not all(each == SATISFIED or each in NOT_SATISFIED for each in said):
        return None
    return tuple(each == SATISFIED for each in said)


def _strip_quotes(part: str) -> str | None:
    """Return the text in quotes; '' for an empty part, None without quotes."""
    if len(part) >= 2 and part[0] == part[-1] and part[0] in QUOTES:
        return part[1:-1] or None
    return None if part else ""
