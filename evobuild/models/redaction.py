"""The key, kept out of whatever a server says: whole, in part, and in the usual disguises.

A server may echo the key in an error, in a reply's text or in any other field, and what it says goes into
tables that are pushed. So its decoded words are searched for every run of characters that the key has, too:
as they are, in percent, JSON, Python and HTML escapes, one over the other, in base64 and in hexadecimal.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

RUN = 8
"""Characters of the key that tell something of it; a shorter key is a placeholder such as `EMPTY`."""

HIDDEN = "***"
LAYERS = 4
"""Escapes within escapes that are undone."""

_ESCAPE = re.compile(
    r"%([0-9a-f]{2})|\\u([0-9a-f]{4})|\\u\{([0-9a-f]{1,6})\}|\\x([0-9a-f]{2})|&#x([0-9a-f]{1,6});"
    r"|&#([0-9]{1,7});|\\([^a-z0-9\s])",
    re.IGNORECASE,
)
_DECIMAL, _ITSELF = 6, 7
"""Groups of _ESCAPE; what the others hold is hexadecimal."""
_SMALL = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


class _Form(NamedTuple):
    """A secret as it may stand in a text, in small letters; any `run` characters of it are found.

    anchors: pieces of it, by place, one of which is in every such run.
    """

    text: str
    run: int
    anchors: list[tuple[int, str]]


class Redaction:
    """Takes secrets out of texts. shortest: secrets of fewer characters are left alone."""

    def __init__(self, secrets: Sequence[str], shortest: int = RUN) -> None:
        self._forms = [form for secret in secrets if len(secret) >= shortest for form in _forms(secret)]

    def hidden(self, text: str) -> str:
        """Give a text with HIDDEN in place of whatever is of a secret."""
        if not self._forms:
            return text
        places: Sequence[int] = range(len(text) + 1)
        layer, spans = text, []
        for _ in range(LAYERS):
            low = layer.translate(_SMALL)
            spans += [(places[start], places[end]) for form in self._forms for start, end in _runs(low, form)]
            if not _ESCAPE.search(layer):
                break
            layer, places = _unescaped(layer, places)
        return _without(text, spans) if spans else text

    def shown(self, said: str) -> str:
        """A server's words on one line, without secrets and without what a terminal would obey."""
        return self.hidden("".join(each if each.isprintable() else " " for each in said))


def _forms(secret: str) -> Iterator[_Form]:
    run = min(RUN, len(secret))
    data = secret.encode("utf-8", "surrogatepass")
    yield _form(secret, run)
    yield _form(data.hex(), 2 * run)
    for before in range(3):
        # Eight bits a character, six a digit. What stands around it is not known: its own digits only.
        digits = base64.b64encode(bytes(before) + data).decode()
        own = digits[(8 * before + 5) // 6 : 8 * (before + len(data)) // 6]
        yield from (_form(each, 8 * run // 6) for each in {own, own.translate({43: "-", 47: "_"})})


def _form(text: str, run: int) -> _Form:
    text = text.translate(_SMALL)
    run = min(run, len(text))
    length = -(-run // 2)
    step = run - length + 1
    return _Form(text, run, [(at, text[at : at + length]) for at in range(0, len(text) - length + 1, step)])


def _runs(text: str, form: _Form) -> Iterator[tuple[int, int]]:
    """Where a text has a run of a secret."""
    for at, anchor in form.anchors:
        found = text.find(anchor)
        while found >= 0:
            start, end = _longest(text, form.text, found, at, len(anchor))
            if end - start >= form.run:
                yield start, end
            found = text.find(anchor, max(found + 1, end - len(anchor) + 1))


def _longest(text: str, secret: str, found: int, at: int, length: int) -> tuple[int, int]:
    """What a text and a secret have in common around a place of each, the same for `length` characters."""
    back = _common(text[max(0, found - at) : found][::-1], secret[:at][::-1])
    ahead = _common(text[found + length : found + len(secret) - at], secret[at + length :])
    return found - back, found + length + ahead


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike; halving is quicker than going through them."""
    most = min(len(one), len(other))
    return bisect_left(range(1, most + 1), True, key=lambda length: one[:length] != other[:length])


def _unescaped(text: str, places: Sequence[int]) -> tuple[str, list[int]]:
    """A text with one layer of escapes undone, and where each of its characters begins in the first one."""
    parts: list[str] = []
    kept: list[int] = []
    done = 0
    for escape in _ESCAPE.finditer(text):
        parts += [text[done : escape.start()], _character(escape)]
        kept += [*places[done : escape.start()], places[escape.start()]]
        done = escape.end()
    return "".join([*parts, text[done:]]), [*kept, *places[done:]]


def _character(escape: re.Match[str]) -> str:
    group = escape.lastindex or 0
    if group == _ITSELF:
        return escape[group]
    number = int(escape[group], 10 if group == _DECIMAL else 16)
    return chr(number) if number < 0x110000 else "\ufffd"


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start >= done:
            parts += [text[done:start], HIDDEN]
        done = max(done, end)
    return "".join([*parts, text[done:]])
