"""A family of constraints: one demand on the form of an answer with its numbers and words left open.

Its texts are templates, `$n` for the number and `$w` for the word; in a body of code `$w` is a Python
literal. Templates also serve to recognise a text, by the pattern that they make.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from textwrap import indent
from typing import NamedTuple

from evobuild.simulation.constraints.editing import varied

HEAD = "def evaluate(response):\n"
_MODULES = ("collections", "json", "re", "string")
_SLOT = re.compile(r"\$([nw])")
_POLITE = r"(?:, please| in your answer)?\.?(?: Thank you\.)?"
_NUMBER = r"\d{1,4}"
_WORD = r"[^'\n]{1,60}"
_LITERAL = r'"[^"\n]*"'

Edges = tuple[tuple[str, ...], tuple[str, ...]]
"""Answers that keep a constraint, and answers that break it."""


class Family(NamedTuple):
    """What all constraints of a family share.

    wordings: of one meaning. opposite: what contradicts them. numbers, words: that $n and $w stand for,
    empty if there is no such slot. right: bodies of functions that judge as the wordings say. wrong:
    bodies that judge nearly so. edges: answers around the limit. keep: change an answer so that it keeps
    the constraint.
    """

    name: str
    wordings: tuple[str, ...]
    opposite: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    edges: Callable[[int, str], Edges]
    keep: Callable[[str, int, str], str]
    numbers: Sequence[int] = ()
    words: Sequence[str] = ()


class Constraint(NamedTuple):
    """A family with its number and its word; 0 and '' where it has no such slot."""

    family: Family
    number: int
    word: str

    def wording(self, template: str) -> str:
        """Fill a template of a text."""
        return template.replace("$n", str(self.number)).replace("$w", self.word)

    def function(self, body: str, remark: str = "") -> str:
        """Make the function evaluate(response) of a body; remark: a comment in its first line."""
        literal = json.dumps(self.word, ensure_ascii=False)
        text = body.replace("$n", str(self.number)).replace("$w", literal)
        imports = "".join(f"import {module}\n" for module in _MODULES if f"{module}." in text)
        code = defined(f"# {remark}\n{text}" if remark else text)
        return f"{imports}\n{code}" if imports else code

    def edges(self, variant: int = 0) -> Edges:
        """Give short answers that keep it, and such that break it; variant: of words, below VARIANTS."""
        keeping, breaking = self.family.edges(self.number, self.word)
        return (
            tuple(varied(text, variant) for text in keeping),
            tuple(varied(text, variant) for text in breaking),
        )

    def keep(self, answer: str) -> str:
        """Change an answer so that it keeps the constraint."""
        return self.family.keep(answer, self.number, self.word)


def defined(body: str) -> str:
    """Put a body under the head that every function has."""
    return f"{HEAD}{indent(body, '    ')}"


@lru_cache(maxsize=1024)
def of_wording(template: str) -> re.Pattern[str]:
    """Make the pattern of the texts that a wording gives, full stop and politeness aside."""
    core = _pattern(template.rstrip("."), _NUMBER, _WORD)
    return re.compile(rf"(?:please )?{core}{_POLITE}", re.IGNORECASE | re.ASCII)


@lru_cache(maxsize=1024)
def of_body(body: str) -> re.Pattern[str]:
    """Make the pattern of the lines below `def` that a body gives."""
    return re.compile(_pattern(indent(body, "    "), _NUMBER, _LITERAL))


def filled(family: Family, found: re.Match[str]) -> Constraint:
    """Read number and word from the match of a pattern."""
    slots = found.groupdict()
    word = slots.get("w", "")
    return Constraint(family, int(slots.get("n", 0)), json.loads(word) if word[:1] == '"' else word)


def _pattern(template: str, number: str, word: str) -> str:
    parts, seen = [], set[str]()
    for place, part in enumerate(_SLOT.split(template)):
        if place % 2 == 0:
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"(?P={part})")
        else:
            seen.add(part)
            parts.append(f"(?P<{part}>{number if part == 'n' else word})")
    return "".join(parts)
