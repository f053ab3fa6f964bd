"""The simulated responder: an answer that takes up the instruction, or asks back where something is missing.

It sees only the text of the user turn. The failing replies are those that the failure function of
arXiv:2406.00770 looks for: "please provide", "Understood … ?", "Sure … ?". A constraint on the form is a
paragraph of its own, before what is asked; the answer keeps it, or it does not.
"""

from __future__ import annotations

import re
from dataclasses import replace

from evobuild.core.chat import Finish, Request
from evobuild.simulation.constraints import split_constraint
from evobuild.simulation.rates import Traits
from evobuild.simulation.rng import Rng
from evobuild.simulation.subject import Subject, subject_of
from evobuild.simulation.words import fill_template

_MOST_POINTS, _QUOTED = 8, 100  # requirements that an answer takes up, and characters that it repeats of each
_TROUBLES = {
    "unqualified": re.compile(r"with a few extra conditions\?"),
    "stagnant": re.compile(
        r"\A\s*\Z|\A\s*(?:Here is the answer: |The answer is |答案是)|take all relevant aspects into"
        r"|in a more advanced manner with additional complexity|请让任务更复杂一些"
        r"|\AMake (?:it|this|the \w+) more (?:complex|difficult)\.?\Z"
    ),
    "lost": re.compile(
        r"\b(?:attached|enclosed) \w+|\b(?:mentioned|shown|listed|given|provided) above|附件中的|[:：]\s*\Z"
    ),
}
_PARTS = re.compile(r"(?<=[.?!])\s+|(?<=[。？！])|\n+")
_NUMBERS = re.compile(r"(?<![\w.])\d{1,6}(?:\.\d{1,2})?(?!\w)", re.ASCII)
_WRAPPING = re.compile(r"\A[^\n]+\n\n\[?[Ii]nstruction[:\]] |\n(?:Input:|\[Query\]) |\nResponse:\Z")
_CODE = "```python\ndef rank(items):\n    return sorted(set(items))[:{n}]\n```"


def unwrapped(request: Request) -> Request:
    """Take off what prompts/respond/paper.jinja puts around a row, so that it changes no answer."""
    turns = (turn._replace(content=_WRAPPING.sub("\n\n", turn.content).strip()) for turn in request.messages)
    return replace(request, messages=tuple(turns))


def write_answer(traits: Traits, instruction: str, rng: Rng) -> tuple[str, Finish]:
    """Answer an instruction, with its constraint kept at the model's rate: text and finish reason."""
    query, constraint = split_constraint(instruction)
    answer = _answer(traits, query, trouble_of(instruction), rng)
    return constraint.keep(answer) if constraint and rng.chance(traits.keeps) else answer, "stop"


def trouble_of(instruction: str) -> str:
    """Say what is wrong with an instruction itself: lost, stagnant, unqualified, or '' if it is sound.

    lost: it points to material that is not there. stagnant: it is a vague remark or an answer.
    unqualified: it leaves its own conditions open.
    """
    return next((kind for kind, sign in _TROUBLES.items() if sign.search(instruction)), "")


def _answer(traits: Traits, instruction: str, trouble: str, rng: Rng) -> str:
    subject = subject_of(instruction)
    phrases = subject.vocabulary
    if trouble := trouble or rng.kind(dict.fromkeys(phrases.replies, traits.stray)):
        return fill_template(rng.pick(phrases.replies[trouble]), w=rng.pick(subject.words), k=2)
    parts = [part for part in _PARTS.split(instruction) if len(part.strip()) > 3][: _MOST_POINTS + 1]
    blocks = [fill_template(rng.pick(phrases.points), w=rng.pick(subject.words), k=2)]
    if subject.domain == "code":
        blocks.append(fill_template(_CODE, n=1 + rng.below(9)))
    blocks += [_point(part, subject, rng) for part in (parts[1:] or parts)]
    if "table" in instruction:
        rows = (f"| {word} | {rng.below(90)} |" for word in subject.words)
        blocks.append("\n".join(["| Point | Weight |", "|---|---|", *rows]))
    if subject.domain == "math":
        # A plausible number, not the true solution.
        blocks.append(f"#### {sum(map(float, _NUMBERS.findall(instruction)[:5])) + rng.below(9):g}")
    return "\n\n".join(blocks)


def _point(part: str, subject: Subject, rng: Rng) -> str:
    part = part.strip().rstrip(" .?!。？！")
    part = part if len(part) <= _QUOTED else f"{part[:_QUOTED].rpartition(' ')[0] or part[:_QUOTED]} …"
    said = fill_template(rng.pick(subject.vocabulary.points), w=rng.pick(subject.words), k=2 + rng.below(5))
    return f"**{part[:1].upper()}{part[1:]}{subject.vocabulary.stop}**{subject.vocabulary.glue}{said}"
