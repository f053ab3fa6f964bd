"""Whether an evolved instruction asks for the same as its parent, by the verdict of a judge.

The first of WizardLM's rules of elimination (arXiv:2304.12244): an evolution that gains nothing has
failed. A reply that holds no clear verdict is none: the child stays, and is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.evolution.step import earlier_turns
from evobuild.models.client import Model

_SIGNS = re.compile(r"[*_`\"“”#{}\[\]()<>-]+")
# "Equal" is a part of "Not Equal", so the denial is looked for with it: at most three words before.
_SAID = re.compile(
    r"\b(?P<no>(?:not|never|neither|nor|hardly|\w+n't)(?:[ ,]++[\w']++){0,3}?[ ,]++|un|not|non|in)?equal\b"
    r"(?:\s*+[?:=]\s*+(?P<value>yes|no|true|false)\b)?"
)
_LABELLED = re.compile(r"\b(?:verdict|judge?ment|answer|decision|conclusion|result)\s*+(?::|=|is\b)(.*)")
_WORD = re.compile(r"\w")


class Pair(NamedTuple):
    """A parent and its child. key: unique among the pairs that a judge is asked about together."""

    key: str
    parent: Instruction
    child: Instruction


class Verdict(NamedTuple):
    """What a judge says of the pair with this key. equal: None if that is not clear from its reply.

    unanswered: no reply came.
    """

    key: str
    equal: bool | None
    reply: str
    unanswered: bool = False


def judge_equality(pairs: Iterable[Pair], model: Model, sampling: Sampling) -> Iterator[Verdict]:
    """Ask about each parent and child; give a verdict on each pair, in any order."""

    def requests() -> Iterator[Request]:
        for key, parent, child in pairs:
            first, second = parent._asdict(), child._asdict()
            text = render_prompt(
                "judge/equal.jinja", history=earlier_turns(parent), first=first, second=second
            )
            yield Request(key, "equal", (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        equal = None if failures.reply_failure(reply) else read_equality_verdict(reply.text)
        yield Verdict(reply.key, equal, reply.text, reply.unanswered)


def read_equality_verdict(text: str) -> bool | None:
    """Read whether a reply says equal: as labelled last, else alone on a line, else throughout.

    Instances: "**Not** equal." -> False; '{"equal": true}' -> True; "Equal or Not Equal?" -> None.
    """
    plain = _SIGNS.sub(" ", text.casefold().replace("’", "'"))
    labelled = [said for line in _LABELLED.findall(plain) if (said := _said(line))][-1:]
    said = set().union(*(labelled or [_said_alone(plain) or _said(plain)]))
    return said.pop() if len(said) == 1 else None


def _said(text: str) -> set[bool]:
    return set(map(_says_equal, _SAID.finditer(text)))


def _says_equal(found: re.Match[str]) -> bool:
    return (found["no"] is None) == (found["value"] in (None, "yes", "true"))


def _said_alone(text: str) -> set[bool]:
    """What is said where no other word stands on its line. Each line is looked at once."""
    said = set()
    found = list(_SAID.finditer(text))
    places = [match.span() for match in found]
    ends, starts = [0, *(end for _, end in places)], [*(start for start, _ in places), len(text)]
    for match, before, after in zip(found, ends, starts[1:], strict=False):
        start = max(before, text.rfind("\n", before, match.start()) + 1)
        end = text.find("\n", match.end(), after)
        is_first = start > before or not before
        is_last = end >= 0 or after == len(text)
        rest = (text[start : match.start()], text[match.end() : end if end >= 0 else after])
        if is_first and is_last and not any(map(_WORD.search, rest)):
            said.add(_says_equal(match))
    return said
