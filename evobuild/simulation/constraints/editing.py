"""Changes to an answer that the simulated responder makes so that it keeps a constraint.

All are pure and blunt: what comes out reads as from a model that minds the form more than the sense.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count, islice

FILLERS = (
    "That is the main point to keep in mind",
    "Much depends on the case at hand",
    "A second look is worth the time",
    "Small steps help here",
    "The rest follows from there",
    "It pays to ask someone who has done it before",
    "Notes make it easier to go on later",
)
"""Sentences, without a full stop, that fit under any answer."""

_STOCK_TEXT = """
rain hail mist moss soot silk corn frost
bread paint dough clay plaster varnish yeast cement
point thing issue matter aim hint part step
depends differs changes shifts wavers helps counts hurts
cat ant man hen rat mole hare llama
go ski row sit sing work hide rest
item fact name step tool book song game
late cold warm dark wet far odd fun
eggs pens figs keys mugs nuts oars pies
floor shelf house door room roof lift hall
rains snows hails blows freezes thaws pours drips
kind sort type make form size cost rank
saw heard wrote read said typed found used
"""
_STOCK = {words[0]: words for words in map(str.split, _STOCK_TEXT.strip().splitlines())}
_STOCK_WORD = re.compile(rf"\b(?:{'|'.join(_STOCK)})\b", re.IGNORECASE)
VARIANTS = 8
_FENCE = re.compile(r"```\w*\n?|^\|.*\|$", re.MULTILINE)
_MARKS = re.compile(r"\*\*|^#+ |^[->] |^\d+\. ", re.MULTILINE)
_ENDS = re.compile(r"(?<=[.?!])\s+|\n+")
_INNER = re.compile(r"[.?!;:…]+")


def varied(text: str, variant: int) -> str:
    """Put other words for the stock words of a text, from 0 on, which is the text itself."""

    def other(found: re.Match[str]) -> str:
        word = _STOCK[found[0].lower()][variant]
        return word.upper() if found[0].isupper() else word.capitalize() if found[0].istitle() else word

    return _STOCK_WORD.sub(other, text)


def sentences(answer: str) -> list[str]:
    """Split an answer into sentences without their ends and without any marks of layout."""
    plain = _MARKS.sub("", _FENCE.sub("", answer))
    found = (_INNER.sub("", part).strip() for part in _ENDS.split(plain))
    return [part for part in found if part] or [FILLERS[0]]


def exactly(answer: str, number: int) -> list[str]:
    """Give so many sentences, the answer's first ones and fillers after them."""
    own = sentences(answer)
    endless = (FILLERS[place % len(FILLERS)] for place in count())
    return (own + list(islice(endless, max(number - len(own), 0))))[:number]


def prose(parts: list[str], end: str = ".") -> str:
    """Put sentences in a row."""
    return " ".join(f"{part}{end}" for part in parts)


def longer(answer: str, is_enough: Callable[[str], bool]) -> str:
    """Add fillers until the answer is long enough."""
    for place in count():
        if is_enough(answer):
            break
        answer = f"{answer} {FILLERS[place % len(FILLERS)]}."
    return answer


def without(answer: str, is_bad: Callable[[str], bool]) -> str:
    """Leave out the words that are bad, and keep the lines."""
    lines = (" ".join(word for word in line.split() if not is_bad(word)) for line in answer.split("\n"))
    return "\n".join(lines).strip() or "-"


def shorter(answer: str, words: int) -> str:
    """Keep the first words, if there are more, and end them with a full stop."""
    if len(answer.split()) <= words:
        return answer
    found = list(re.finditer(r"\S+", answer))
    return answer[: found[words - 1].end()].rstrip(" ,;:.-") + "."


def lines(answer: str) -> list[str]:
    """Give the lines of an answer that are not empty."""
    return [line.strip() for line in answer.splitlines() if line.strip()] or [f"{FILLERS[0]}."]


def below(answer: str, ending: str) -> str:
    """Put an ending below an answer."""
    return f"{answer.rstrip()}\n\n{ending}"
