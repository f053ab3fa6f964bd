"""Decide by a judge whether an evolved instruction asks for the same as its parent.

This is the first of WizardLM's rules of elimination (arXiv:2304.12244): an evolution that gains nothing has
failed. A reply without a clear verdict is no verdict: the child stays, and is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.evolution.step import format_history
from evobuild.models.client import Model

_SIGNS = re.compile(r"[*_`\"“”#{}\[\]()<>-]+")
# "Equal" is part of "Not Equal", so the negation is matched with it: at most three words before.
_SAID = re.compile(
    r"\b(?P<no>(?:not|never|neither|nor|hardly|\w+n't)(?:[ ,]++[\w']++){0,3}?[ ,]++|un|not|non|in)?equal\b"
    r"(?:\s*+[?:=]\s*+(?P<value>yes|no|true|false)\b)?"
)
_LABELLED = re.compile(r"\b(?:verdict|judge?ment|answer|decision|conclusion|result)\s*+(?::|=|is\b)(.*)")
_WORD = re.compile(r"\w")


class EqualityPair(NamedTuple):
    """A parent and its child. key: unique among the pairs of one call."""

    key: str
    parent: Instruction
    child: Instruction


class EqualityVerdict(NamedTuple):
    """The judge's verdict on a pair. equal: None if the reply is unclear.

    unanswered: the judge did not reply.
    """

    key: str
    equal: bool | None
    reply: str
    unanswered: bool = False


def judge_equality(
    pairs: Iterable[EqualityPair], model: Model, sampling: Sampling
) -> Iterator[EqualityVerdict]:
    """Call the judge for each parent and child; yield one verdict per pair, in any order."""

    def requests() -> Iterator[Request]:
        for key, parent, child in pairs:
            first, second = parent._asdict(), child._asdict()
            text = render_prompt(
                "judge/equal.jinja", history=format_history(parent), first=first, second=second
            )
            yield Request(key, "equal", (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        equal = None if failures.find_reply_failure(reply) else read_equality_verdict(reply.text)
        yield EqualityVerdict(reply.key, equal, reply.text, reply.unanswered)


def read_equality_verdict(text: str) -> bool | None:
    """Parse whether a reply says equal: after its last label, else alone on a line, else anywhere.

    Examples: "**Not** equal." -> False; '{"equal": true}' -> True; "Equal or Not Equal?" -> None.
    """
    plain = _SIGNS.sub(" ", text.casefold().replace("’", "'"))
    labelled = [said for line in _LABELLED.findall(plain) if (said := _find_verdicts(line))][-1:]
    said = set().union(*(labelled or [_find_lone_verdicts(plain) or _find_verdicts(plain)]))
    return said.pop() if len(said) == 1 else None


def _find_verdicts(text: str) -> set[bool]:
    return set(map(_is_equal, _SAID.finditer(text)))


def _is_equal(found: re.Match[str]) -> bool:
    return (found["no"] is None) == (found["value"] in (None, "yes", "true"))


def _find_lone_verdicts(text: str) -> set[bool]:
    """Find verdicts on lines without other words, in one pass over the text."""
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
            said.add(_is_equal(match))
    return said
