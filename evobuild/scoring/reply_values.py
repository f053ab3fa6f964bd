"""Read a measured value from the text of a judge's reply: a number, a choice among words, a list of phrases.

A reply that does not give exactly one value gives None, never a value: a default for such replies would
count as a measurement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from evobuild.text import json_replies
from evobuild.text.words import compose, split_alphanumerics

LONGEST_PHRASE = 60
"""Characters of a phrase in a list; what is longer is an explanation."""
READ = 10 * LONGEST_PHRASE
"""Characters of what may be such a phrase, signs included."""

# Possessive, so that each sign is read once, however many there are.
_SIGNS = r"[\s\"'*_`:：=<(\[]*+(?:(?<=\s)[-–—]\s[\s\"'*_`<(\[]*+)?"
_NUMBER = re.compile(r"[\s*_`\"']*+(\d{1,3}(?:\.\d+)?)[\s*_`\"'.%]*")
_VALUE = r"(?<![\d.,-])(\d{1,3}(?:\.\d+)?)(?!\d|[.,]\d)"


def read_choice(text: str, words: Sequence[str], keys: Sequence[str]) -> str | None:
    """Read one of some words: of a JSON object, else the last labelled one, else the only one that is named.

    words: in small letters, blanks between their parts, which a reply may write as '_' or '-'. keys: of the
    JSON object, and labels in text. Two words after one label are a range, and no value.
    """
    if (given := _find_in_object(text, keys)) is not None:
        text = given
    labelled, named = _choice_patterns(tuple(words), tuple(keys))
    found = labelled.findall(text)[-1:] or named.findall(text)
    chosen = {re.sub(r"[ _-]+", " ", word.casefold()) for word in found}
    return chosen.pop() if len(chosen) == 1 else None


@cache
def _choice_patterns(
    words: tuple[str, ...], keys: tuple[str, ...]
) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Compile what finds a labelled word, and any word that is not negated."""
    # Longer ones first: "very easy" holds "easy".
    longest = sorted(words, key=len, reverse=True)
    word = rf"({'|'.join(map(_spaced, longest))})\b"
    labels = "|".join(sorted(map(_spaced, keys), key=len, reverse=True))
    labelled = (
        rf"\b(?:{labels}){_SIGNS}(?:is\s++)?{_SIGNS}{word}"
        rf"(?!\W{{0,3}}(?:-|–|/|to|or)\W{{0,3}}(?:{'|'.join(map(_spaced, longest))})\b)"
    )
    negated = r"(?<!not )(?<!n't )(?<!not very )(?<!n't very )"
    return re.compile(labelled, re.IGNORECASE), re.compile(rf"{negated}\b{word}", re.IGNORECASE)


def _spaced(word: str) -> str:
    return r"[ _-]".join(map(re.escape, word.split()))


def read_number(text: str, least: float, most: float, keys: Sequence[str]) -> float | None:
    """Read a number on a scale: of a JSON object, else the last labelled one, else the only one there is.

    keys: of the JSON object. A number "of 100" or "/100" counts if the scale ends at 100; the end of a range,
    and a number beyond the scale, do not.
    """
    if (given := _find_in_object(text, keys)) is not None:
        text = given
    labelled, of_most = _number_patterns(f"{most:g}")
    alone = _NUMBER.fullmatch(text)
    found = labelled.findall(text)[-1:] or of_most.findall(text) or ([alone[1]] if alone else [])
    return float(found[0]) if len(found) == 1 and least <= float(found[0]) <= most else None


@cache
def _number_patterns(most: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Compile what finds a labelled number, and one of the most that there is."""
    # Neither the first end of a range nor a number on another scale.
    whole = rf"(?![ \t]*+(?:-|–|to\b|or\b)[ \t]*+\d)(?!\W{{0,3}}(?:/|out of)\s*+(?!{most}\b)\d)"
    label = rf"\b(?:score|rating)(?:\s*+\([^()]*+\))?{_SIGNS}(?:(?:is|of)\s++)?{_SIGNS}"
    of_most = rf"{_VALUE}[*_`]*+\s*+(?:/|out of)\s*+{most}\b"
    return re.compile(f"{label}{_VALUE}{whole}", re.IGNORECASE), re.compile(of_most, re.IGNORECASE)


def _find_in_object(text: str, keys: Sequence[str]) -> str | None:
    """Find what the last JSON object with one of the keys has under the first of them; None without one.

    Keys count in any case, with blanks, '_' or '-' between their words. true is no number.
    """
    for value in reversed(list(json_replies.find_json_values(text)) if "{" in text else []):
        if isinstance(value, dict):
            plain = {re.sub(r"[ _-]+", " ", key.casefold()): item for key, item in value.items()}
            if found := [plain[key] for key in keys if key in plain]:
                return _format_value(found[0])
    return None


def _format_value(value: object) -> str:
    """Format a value as text, '' if it is nested too deeply to be any."""
    try:
        return str(value)
    except RecursionError:
        return ""


def read_phrases(text: str, key: str = "tag") -> list[str] | None:
    """Read the last JSON list in a reply: of strings, or of objects with a key; None without one.

    A list may be an object's, under the key with an s. Phrases come in their normal form, each once.
    Instance: '[{"tag": "Word-Limit"}, {"tag": "word limit"}]' -> ["word limit"].
    """
    for value in reversed(list(json_replies.find_json_values(text))):
        if isinstance(value, dict):
            value = next((item for name, item in value.items() if name.casefold() == f"{key}s"), None)
        if isinstance(value, list):
            phrases = [_normal_phrase(item, key) for item in value]
            if all(phrases):
                return list(dict.fromkeys(map(str, phrases)))
    return None


def _normal_phrase(item: object, key: str) -> str | None:
    """Give a phrase in small letters, words with single blanks between them; None for anything else."""
    if isinstance(item, dict):
        item = next((value for name, value in item.items() if name.casefold() == key), None)
    if not isinstance(item, str) or len(item) > READ:
        return None
    phrase = " ".join(split_alphanumerics(compose(item).casefold()))
    return phrase if 0 < len(phrase) <= LONGEST_PHRASE else None
