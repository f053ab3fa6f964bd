r"""The final answer of a worked solution: the last `\boxed{…}`, a number after `####`, or the last number.

Numbers are parsed as people write them: 1,450,000; $18.00; -5; 45%; 3/4; \frac{3}{4}; 2{,}125. Units are
ignored, and numbers of more than LONGEST_NUMBER characters. The number after `####` is parsed by the
expression of GSM8K's authors (openai/grade-school-math, grade_school_math/dataset.py): after the first `####
` with a number, without its commas.
"""

from __future__ import annotations

import re
from collections import deque
from fractions import Fraction

LONGEST_NUMBER = 100
"""Maximum characters of a number: longer ones are not answers, and would take long to parse."""

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


def find_last_boxed(text: str) -> str | None:
    r"""Return the content of the last \boxed{…} or \fbox{…}, braces nested; None if none is closed."""
    found = _last_match(_BOXED, text)
    if found is None:
        return None
    depth = 0
    for at in range(found.end(), len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[found.end() + 1 : at].strip()
    return None


def read_last_number(text: str) -> Fraction | None:
    """Parse the last number of a text."""
    return _parse_number(_last_match(_NUMBER, _strip_latex(text)))


def read_hash_number(text: str) -> Fraction | None:
    """Parse the number after `####`, as GSM8K's solutions end; None if it is dots and commas alone."""
    written = find_hash_text(text)
    if written is None or len(written) > LONGEST_NUMBER or not _PLAIN_NUMBER.fullmatch(written):
        return None
    return Fraction(written.rstrip("."))


def find_hash_text(text: str) -> str | None:
    """Return what the authors' expression finds after `####`, without commas: 12596 of `#### 125,96`."""
    found = _OFFICIAL.search(text)
    return found[1].replace(",", "") if found else None


def read_boxed_number(text: str) -> Fraction | None:
    r"""Parse the number in the last \boxed{…}: of an equation the right side, of a quantity without unit."""
    boxed = find_last_boxed(text)
    if boxed is None:
        return None
    # Take the first number: the 2 of `m^2` is not the answer.
    return _parse_number(_NUMBER.search(_strip_latex(boxed).rpartition("=")[2]))


def _last_match(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), 1)), None)


def _strip_latex(text: str) -> str:
    """Replace the LaTeX that occurs in numbers."""
    for written, plain in _LATEX:
        text = text.replace(written, plain)
    return _FRACTION.sub(r"\1/\2", text)


def _parse_number(found: re.Match[str] | None) -> Fraction | None:
    if found is None or len(found[0]) > LONGEST_NUMBER:
        return None
    value = Fraction(found["number"].replace(",", ""))
    if found["denominator"]:
        below = Fraction(found["denominator"].replace(",", ""))
        # A slash before a 0 divides nothing.
        value = value / below if below else value
    return -value if found["sign"] else value
