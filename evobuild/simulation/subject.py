"""What an instruction is about, as far as a glance tells: language, domain and content words."""

from __future__ import annotations

import re
from typing import NamedTuple

from evobuild.simulation.words import Vocabulary, vocabulary_of

_LATIN = re.compile(r"[A-Za-z]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_OTHER_SCRIPT = re.compile(r"[^\W\d_A-Za-z\u00aa-\u024f\u1e00-\u1eff\u3400-\u9fff]")
_ACCENTED = re.compile(r"[¿¡\u00c0-\u024f\u1e00-\u1eff]")
_LATIN_PER_LETTER = 4  # one Han character stands for about as much as four Latin letters
_ENGLISH_TEXT = "the a an of to and in is for with that on are how what this by as it write explain"
_LATIN_TEXT = """
el la los las de del que una un para por con en es y se su como le les des du et dans est qui ce der die das
und ein eine mit ist von zu den im wie dem o os da uma com em na dos il di che per una gli sono ve bir için
olarak nie jest czy w z van het een voor và của một cho
"""
_ENGLISH, _OTHER_LATIN = frozenset(_ENGLISH_TEXT.split()), frozenset(_LATIN_TEXT.split())

_CODE_TEXT = "function code python javascript java sql algorithm array regex html css script c++ api json"
_MATH_TEXT = "dice proof prove percent solve equation probability triangle calculate compute average ratio"
_SIGNS = {"code": ("```", "def ", ";\n", "=="), "math": ("how many", "how much", "how far", "sum of")}
_TOKENS = {"code": frozenset(_CODE_TEXT.split()), "math": frozenset(_MATH_TEXT.split())}
_TOKEN = re.compile(r"[a-z+-]+")
_NOUN = re.compile(
    r"\b(?:the|an?|of|for|about|on|between|this|your|my|their|its|some|two|three|four|five|ten|from|in)"
    r" ([a-z][a-z-]{2,18})"
    r"(?= (?:of|in|for|and|to|on|that|with|from|is|are|by|at|as|between|into)\b|[.,;:?!\n]|$)"
)
_WORDS = {"en": r"[A-Za-z][a-z]{4,18}", "zh": r"[\u3400-\u9fff]{2,6}", "other": r"[^\W\d_]{3,20}"}
_PLAIN_TEXT = "task case following below which these those there about using every other first answer least"
_PLAIN = frozenset(_PLAIN_TEXT.split())
_MOST_WORDS = 4  # later ones tend to be of an evolution and no longer of the seed
_GLANCE = 400  # characters; what an instruction is about stands at its beginning


class Subject(NamedTuple):
    """language: en, zh or other. domain: code, math or chat. words: content words, at least one."""

    language: str
    domain: str
    words: tuple[str, ...]
    vocabulary: Vocabulary


def subject_of(text: str) -> Subject:
    """Say what a text is about, from its beginning."""
    glance = text[:_GLANCE]
    language = language_of(glance)
    words = _NOUN.findall(glance) if language == "en" else []
    words = words or re.findall(_WORDS[language], glance)[1:]
    own = tuple(dict.fromkeys(word for word in words if word.lower() not in _PLAIN))[:_MOST_WORDS]
    return Subject(language, _domain(glance.lower()), own or ("subject",), vocabulary_of(language, glance))


def language_of(text: str) -> str:
    """Tell English, Chinese and other languages by script and stop words: en, zh or other; en in doubt."""
    accented = False
    if not text.isascii():
        han, other = len(_HAN.findall(text)), len(_OTHER_SCRIPT.findall(text))
        if (han + other) and (han + other) * _LATIN_PER_LETTER >= len(_LATIN.findall(text)):
            # Japanese has Han characters, too.
            return "zh" if han > 8 * other else "other"
        accented = _ACCENTED.search(text) is not None
    tokens = set(text.lower().split())
    english, foreign = len(tokens & _ENGLISH), len(tokens & _OTHER_LATIN)
    return "other" if foreign > max(english, 1) or (accented and english < 2) else "en"


def words_of(text: str) -> list[str]:
    """Split a lower-case text into its ASCII words."""
    return _TOKEN.findall(text)


def _domain(text: str) -> str:
    words = frozenset(words_of(text))
    found = (name for name in _TOKENS if words & _TOKENS[name] or any(map(text.__contains__, _SIGNS[name])))
    return next(found, "chat")
