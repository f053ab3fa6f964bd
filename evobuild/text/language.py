"""Detect the language of a text, and whether a child's language differs from its parent's.

py3langid detects languages, offline and deterministically. Only prose counts, not code, tables, quoted
texts and addresses, and only what the parent does not hold word for word. Whatever could be in the same
language, or mixes both as a task of translation does, is no change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from evobuild.text import content
from evobuild.text.words import split_at_blanks, split_letter_runs

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

SURE = 0.5
"""Probability from which a child's likeliest language is taken for its own."""
POSSIBLE = 0.03
"""Probability from which a text may be in a language: of 7,400 English instructions each has 0.055 or more
for English, of short ones in other languages each less than 0.02."""
SHORT = 16
"""Bytes below which what a child adds is not judged: it may be no more than a name or two words."""
LONGEST = 20_000
"""Characters of a text that are read; a longer one is in the language of its beginning."""
MOST_SENTENCES = 100
"""Sentences of a text that are looked at one by one."""

_NAMES_TEXT = """
af Afrikaans, ar Arabic, az Azerbaijani, be Belarusian, bg Bulgarian, bn Bengali, bs Bosnian, ca Catalan,
cs Czech, cy Welsh, da Danish, de German, el Greek, en English, es Spanish, et Estonian, eu Basque,
fa Persian, fi Finnish, fr French, ga Irish, gl Galician, gu Gujarati, he Hebrew, hi Hindi, hr Croatian,
hu Hungarian, hy Armenian, id Indonesian, is Icelandic, it Italian, ja Japanese, ka Georgian, kk Kazakh,
km Khmer, kn Kannada, ko Korean, lo Lao, lt Lithuanian, lv Latvian, mk Macedonian, ml Malayalam,
mn Mongolian, mr Marathi, ms Malay, my Burmese, ne Nepali, nl Dutch, no Norwegian, pa Punjabi, pl Polish,
ps Pashto, pt Portuguese, ro Romanian, ru Russian, si Sinhala, sk Slovak, sl Slovenian, sq Albanian,
sr Serbian, sv Swedish, sw Swahili, ta Tamil, te Telugu, th Thai, tl Tagalog, tr Turkish, uk Ukrainian,
ur Urdu, uz Uzbek, vi Vietnamese, zh Chinese
"""
NAMES: dict[str, str] = dict(entry.split() for entry in _NAMES_TEXT.split(","))
"""Languages by code."""
_ENGLISH_TEXT = """
the and that with what which how when where why from this these your you each are its their following given
write explain create generate give find identify list using make must should of for to
"""
_ENGLISH = frozenset(_ENGLISH_TEXT.split())
"""Words by which most English texts show what they are, at a hundredth of the cost."""
_NOT_OWN = re.compile(r'"[^"\n]*"|“[^“”]*”|«[^«»]*»|「[^「」]*」|`[^`]*`|https?://\S+')
_END = re.compile(r"[.!?:;\n。！？：；]+\s*")


def detect_language_change(parent: str, child: str) -> tuple[str, str] | None:
    """Return the languages of a parent and of a child, if they surely differ; else None.

    Instance: ("Nombra tres ríos.", "Name three rivers in Africa.") -> ("Spanish", "English").
    """
    rest = child.replace(parent, " ")
    if _is_english(parent) and _is_english(rest):
        return None
    old = _sentences(parent)
    known = set(old)
    return _compare_languages(old, [sentence for sentence in _sentences(rest) if sentence not in known])


def detect_language(text: str) -> str | None:
    """Return the language code of a text; None if it cannot be detected, as without words.

    Instance: "Nombra tres ríos de España y di dónde nacen." -> "es".
    """
    if _is_english(text):
        return "en"
    prose = ". ".join(_sentences(text))
    if not _is_long_enough(prose):
        return None
    found, probability = _guess(prose)
    return found if probability >= SURE else None


def _compare_languages(old: Sequence[str], new: Sequence[str]) -> tuple[str, str] | None:
    """Return the languages of a parent's sentences, and of those that its child adds, if they differ."""
    before, after = ". ".join(old), ". ".join(new)
    if not _has_enough_words(before) or not _is_long_enough(after):
        return None
    (was, _), (became, probability) = _guess(before), _guess(after)
    if was == became or probability < SURE:
        return None
    if _may_be_in(became, [before, *old[:MOST_SENTENCES]]) or _may_be_in(was, [after, *new[:MOST_SENTENCES]]):
        return None
    return NAMES[was], NAMES[became]


def _sentences(text: str) -> list[str]:
    found = _END.split(_NOT_OWN.sub(" ", content.extract_prose(text[:LONGEST])))
    return [sentence for each in found if (sentence := each.strip())]


def _has_enough_words(text: str) -> bool:
    """Return whether a text has enough words; few letters suffice outside the Latin alphabet."""
    words = split_letter_runs(text)
    return len(words) > 1 or not "".join(words).isascii()


def _is_long_enough(text: str) -> bool:
    """Return whether a text is long enough to trust its likeliest language."""
    return _has_enough_words(text) and len(text.encode(errors="replace")) >= SHORT


def _may_be_in(language: str, texts: Iterable[str]) -> bool:
    """Return whether any text, whole or one of its sentences, may be in a language.

    By the sentence, too, as one who asks for a translation writes in two languages.
    """
    return any(language in _likely(each) for each in texts)


def _is_english(text: str) -> bool:
    return sum(map(_ENGLISH.__contains__, split_at_blanks(text.lower()))) > 1


def _guess(text: str) -> tuple[str, float]:
    return ("en", 1.0) if _is_english(text) else _identifier().classify(text)


def _likely(text: str) -> set[str]:
    return (
        {language for language, p in _identifier().rank(text) if p >= POSSIBLE}
        if _has_enough_words(text)
        else set()
    )


@cache
def _identifier() -> LanguageIdentifier:
    # The import reads a model and is paid for only where a text is not plainly English.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # Small languages near to large ones, such as pidgins, take short texts from these.
    identifier.set_languages(NAMES)
    return identifier
