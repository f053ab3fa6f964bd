r"""The letter that a reply to a multiple-choice question chooses, in English or Chinese.

What it states last counts: "The answer is (B)", "答案：B", "\boxed{B}". Else the letter that it begins with,
such as "B" or "B. Mercury"; else a last line that is a letter alone. A reply that says none of these has
chosen nothing. "A" before a blank and a word is taken for the article.
"""

from __future__ import annotations

import re

_LETTER = r"(?:([B-HJ-Z])(?![A-Za-z0-9'’])|([AI])(?![A-Za-z0-9'’])(?![ ][A-Za-z]))"
_WRAPPED = r"[\s:：*_(（\[【「“\"'`$]{0,6}"
_STATED = re.compile(
    r"(?:(?i:\b(?:answer|correct (?:option|choice))\b(?: would be| should be| must be| is)?)"
    r"|答案(?:应该|应当|应)?(?:是|为|选)?|(?:故|应|因此|所以)选|正确的?(?:选项|一项|答案)(?:是|为)?)"
    + _WRAPPED
    + r"(?:(?i:option|choice)[ ]|选?项?[ ]?)?"
    + _WRAPPED
    + r"(?:\\boxed\{)?(?:\\text\w{0,2}\{)?\(?"
    + _LETTER
    + r"|\\boxed\{[ ]?(?:\\text\w{0,2}\{)?\(?([A-Z])\)?\}"
)
_LEADING = re.compile(r"(?:选项?)?" + _WRAPPED + _LETTER)
_ALONE = re.compile(_WRAPPED + r"([A-Z])[\s.。)）\]】」”\"'`*_$]{0,6}\Z")

LAST_LINE = 40
"""Characters of a last line that may be a letter alone."""


def find_stated_choice(text: str, letters: str) -> str | None:
    """Parse the letter that a reply chooses; None without one of them. letters: such as "ABCD"."""
    found = [_letter(match) for match in _STATED.finditer(text)]
    stated = [each for each in found if each in letters]
    if stated:
        return stated[-1]
    bare = text.strip()
    last = bare[-LAST_LINE:].rpartition("\n")[2]
    # Of what is longer than a line may be, the end is no line.
    whole = last if len(last) < LAST_LINE or last == bare else ""
    for match in (_LEADING.match(bare), _ALONE.match(whole)):
        if match and (letter := _letter(match)) in letters:
            return letter
    return None


def _letter(match: re.Match[str]) -> str:
    return "".join(filter(None, match.groups()))
