"""Secrets in texts, in the usual disguises: taken out of what a server says, found in what is published.

A server may echo the key in an error, in a reply's text or in any other field, and what it says goes into
tables that are pushed. So its decoded words are searched for every run of characters that the key has, too.
Before files are published they are searched for whole secrets. The disguises are the same for both: as they
are, backwards, with whatever is no letter or digit in between, in percent, JSON, Python and HTML escapes, one
over the other, in base64 at all three alignments, in hexadecimal, and letters beyond ASCII composed or not,
and byte by byte.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from unicodedata import normalize

RUN = 8
"""Characters of the key that tell something of it; a shorter key is a placeholder such as `EMPTY`."""

HIDDEN = "***"
LAYERS = 4
"""Escapes within escapes that are undone."""
APART = 12
"""Letters and digits of a secret that are found with other characters in between."""

_ESCAPE = re.compile(
    r"%([0-9a-f]{2})|\\u([0-9a-f]{4})|\\u\{([0-9a-f]{1,6})\}|\\x([0-9a-f]{2})|&#x([0-9a-f]{1,6});"
    r"|&#([0-9]{1,7});|\\([^a-z0-9\s])|\\((?-i:[abfnrtv]))",
    re.IGNORECASE,
)
_DECIMAL, _ITSELF, _CONTROL = 6, 7, 8
"""Groups of _ESCAPE; what the others hold is hexadecimal."""
_CONTROLS = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_FOUND = "\u4e00"
"""Stands for a character that is found already: a letter that keys do not have."""
_APART = re.compile(r"[\W_]+")
_ASCII_APART = bytes(code for code in range(128) if not chr(code).isalnum())
_SMALL = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


class _Form(NamedTuple):
    """A secret as it may appear in a text, in small letters; any `run` characters of it are found.

    anchors: pieces of it, by place, one of which is in every such run.
    """

    text: str
    run: int
    anchors: list[tuple[int, str]]


class Redaction:
    """Takes secrets out of texts. shortest: secrets of fewer characters are left alone."""

    def __init__(self, secrets: Sequence[str], shortest: int = RUN) -> None:
        wanted = [secret for secret in secrets if len(secret) >= shortest]
        self._forms = [_form(text, run) for secret in wanted for text, run in _spellings(secret)]
        squeezed = [(text, run) for secret in wanted for text, run in _squeezed_spellings(secret)]
        self._squeezed_forms = [_form(text, run) for text, run in squeezed]

    def hidden(self, text: str) -> str:
        """Give a text with HIDDEN in place of whatever is of a secret."""
        if not self._forms:
            return text
        places: Sequence[int] = range(len(text) + 1)
        layer, spans = text, []
        for _ in range(LAYERS):
            low = layer.translate(_SMALL)
            own = [run for form in self._forms for run in _runs(low, form)]
            is_last = not _ESCAPE.search(layer)
            if is_last:
                own += self._runs_apart(low, own)
            spans += [(places[start], places[end]) for start, end in own]
            if is_last:
                break
            layer, places = _unescaped(layer, places)
        return _without(text, spans) if spans else text

    def shown(self, said: str) -> str:
        """Format a server's words on one line, without secrets and without what a terminal would obey."""
        return self.hidden("".join(each if each.isprintable() else " " for each in said))

    def _runs_apart(self, low: str, found: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Find runs of a secret with other characters in between. found: runs without any."""
        text = _masked(low, found) if found else low
        squeezed = _squeezed(text)
        if not (runs := [run for form in self._squeezed_forms for run in _runs(squeezed, form)]):
            return []
        kept = [place for place, char in enumerate(text) if char.isalnum()]
        return [(kept[start], kept[end - 1] + 1) for start, end in runs]


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Mask the found secrets of a text."""
    chars = list(text)
    for start, end in spans:
        chars[start:end] = _FOUND * (end - start)
    return "".join(chars)


class Search:
    """Finds whole secrets in texts. secrets: by what they are called."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._plain = {name: _small(_spellings(secret)) for name, secret in secrets.items()}
        self._squeezed = {name: _small(_squeezed_spellings(secret)) for name, secret in secrets.items()}

    def found_in(self, text: str) -> set[str]:
        """Name the secrets that a text holds."""
        found: set[str] = set()
        for _ in range(LAYERS + 1):
            low = text.translate(_SMALL)
            squeezed = _squeezed(low)
            for needles, hay in ((self._plain, low), (self._squeezed, squeezed)):
                found |= {name for name, forms in needles.items() if any(form in hay for form in forms)}
            if not _ESCAPE.search(text):
                break
            text = _ESCAPE.sub(_character, text)
        return found


def _small(spellings: Iterable[tuple[str, int]]) -> set[str]:
    return {text.translate(_SMALL) for text, _ in spellings}


def _squeezed(text: str) -> str:
    """Letters and digits alone."""
    if text.isascii():
        return text.encode().translate(None, _ASCII_APART).decode()
    return _APART.sub("", text)


def _spellings(secret: str) -> Iterator[tuple[str, int]]:
    """List a secret's disguises, each with the number of its characters that reveal the secret."""
    run = min(RUN, len(secret))
    for form in dict.fromkeys((secret, *(normalize(name, secret) for name in ("NFC", "NFD")))):
        data = form.encode("utf-8", "surrogatepass")
        # Escaped byte by byte, and in pairs of surrogates, a letter beyond ASCII is several characters.
        pairs = form.encode("utf-16-be", "surrogatepass")
        units = "".join(chr(int.from_bytes(pairs[at : at + 2])) for at in range(0, len(pairs), 2))
        for text in dict.fromkeys((form, data.decode("latin-1"), units)):
            yield text, run
            yield text[::-1], run
        yield data.hex(), 2 * run
        for before in range(3):
            # Eight bits a character, six a digit. The digits around it are unknown: use its own.
            digits = base64.b64encode(bytes(before) + data).decode()
            own = digits[(8 * before + 5) // 6 : 8 * (before + len(data)) // 6]
            yield from ((each, 8 * run // 6) for each in {own, own.translate({43: "-", 47: "_"})})


def _squeezed_spellings(secret: str) -> Iterator[tuple[str, int]]:
    """List the disguises without separators; short ones would be found in any text."""
    for text, run in dict.fromkeys(_spellings(secret)):
        if len(squeezed := _squeezed(text)) >= APART:
            yield squeezed, max(run, APART)


def _form(text: str, run: int) -> _Form:
    text = text.translate(_SMALL)
    run = min(run, len(text))
    length = -(-run // 2)
    step = run - length + 1
    return _Form(text, run, [(at, text[at : at + length]) for at in range(0, len(text) - length + 1, step)])


def _runs(text: str, form: _Form) -> Iterator[tuple[int, int]]:
    """Find runs of a secret in a text."""
    for at, anchor in form.anchors:
        found = text.find(anchor)
        while found >= 0:
            start, end = _longest(text, form.text, found, at, len(anchor))
            if end - start >= form.run:
                yield start, end
            found = text.find(anchor, max(found + 1, end - len(anchor) + 1))


def _longest(text: str, secret: str, found: int, at: int, length: int) -> tuple[int, int]:
    """Extend a match of `length` characters between text and secret in both directions."""
    back = _common(text[max(0, found - at) : found][::-1], secret[:at][::-1])
    ahead = _common(text[found + length : found + len(secret) - at], secret[at + length :])
    return found - back, found + length + ahead


def _common(one: str, other: str) -> int:
    """Count the common first characters of two texts; bisection is faster than a loop."""
    most = min(len(one), len(other))
    return bisect_left(range(1, most + 1), True, key=lambda length: one[:length] != other[:length])


def _unescaped(text: str, places: Sequence[int]) -> tuple[str, list[int]]:
    """Undo one layer of escapes in a text, and map each character to its position in the original."""
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
    if group == _CONTROL:
        return _CONTROLS[escape[group]]
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
