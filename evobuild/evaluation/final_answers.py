r"""The final answer of a worked solution: the last `\boxed{…}`, a number after `####`, or the last number.

Numbers are read as people write them: 1,450,000; $18.00; -5; 45%; 3/4; \frac{3}{4}; 2{,}125. A number is
its value alone, whatever its unit. One of more than LONGEST_NUMBER characters is none. What follows `####` is
read by the expression of GSM8K's authors (openai/grade-school-math, grade_school_math/dataset.py): behind the
first `#### ` with a number, without its commas.
"""

from __future__ import annotations

import re
from collections import deque
from fractions import Fraction

LONGEST_NUMBER = 100
"""Characters of a number; an answer is shorter."""

_DIGITS = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+"
_NUMBER = re.compile(
    # A hyphen after a letter or a digit is one between words, or a subtraction.
    r"(?:(?<![\w)\]}])(?P<sign>[-−])(?=[$€£]?\.?\d)[$€£]?)?"
    rf"(?P<number>(?:{_DIGITS})(?:\.\d+)?|\.\d+)"
    rf"(?:[ ]?/[ ]?(?P<denominator>{_DIGITS}))?"
)
_OFFICIAL = re.compile(r"#### (\-?[0-9\.\,]+)")
_PLAIN_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
_BOXED = re.compile(r"\\f?boxed\s*(?=\{)")
_FRACTION = re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_LATEX = (("\\,", ""), ("\\!", ""), ("{,}", ","), ("\\$", "$"), ("\\%", "%"), ("\\\\", " "))


def last_boxed(text: str) -> str | None:
    r"""What the last \boxed{…} or \fbox{…} of a text holds, braces within braces; None if none is closed."""
    found = _last(_BOXED, text)
    if found is None:
        return None
    depth = 0
    for at in range(found.end(), len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[found.end() + 1 : at].strip()
    return None


def last_number(text: str) -> Fraction | None:
    """The last number of a text."""
    return _value(_last(_NUMBER, _plain(text)))


def hash_number(text: str) -> Fraction | None:
    """The number after `####`, as GSM8K's own solutions end; None of dots and commas alone."""
    written = hash_text(text)
    if written is None or len(written) > LONGEST_NUMBER or not _PLAIN_NUMBER.fullmatch(written):
        return None
    return Fraction(written.rstrip("."))


def hash_text(text: str) -> str | None:
    """What the authors' expression finds after `####`, commas left out: 12596 of `#### 125,96`."""
    found = _OFFICIAL.search(text)
    return found[1].replace(",", "") if found else None


def boxed_number(text: str) -> Fraction | None:
    r"""The number in the last \boxed{…}: of an equation the right side's, of a quantity without its unit."""
    boxed = last_boxed(text)
    if boxed is None:
        return None
    # The first: the 2 of square metres is no answer.
    return _value(_NUMBER.search(_plain(boxed).rpartition("=")[2]))


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), 1)), None)


def _plain(text: str) -> str:
    """A text without what LaTeX puts into numbers."""
    for written, plain in _LATEX:
        text = text.replace(written, plain)
    return _FRACTION.sub(r"\1/\2", text)


def _value(found: re.Match[str] | None) -> Fraction | None:
    if found is None or len(found[0]) > LONGEST_NUMBER:
        return None
    value = Fraction(found["number"].replace(",", ""))
    if found["denominator"]:
        below = Fraction(found["denominator"].replace(",", ""))
        # A slash before a 0 divides nothing.
        value = value / below if below else value
    return -value if found["sign"] else value
