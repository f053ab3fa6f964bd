"""What an instruction is about, as far as a glance tells: language, domain and content words."""

from __future__ import annotations

import re
from typing import NamedTuple

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
_LATIN = re.compile(r"[A-Za-z]")
_LATIN_PER_LETTER = 4  # one Han character stands for about as much as four Latin letters

_STOP_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the a an of to and in is for with that on are how what this from by as it be",
        "es": "el la los las de del que una un para por con en es y se su como qué cómo cuál",
        "fr": "le la les des du de et une un pour dans est que avec sur en au qui ce quel",
        "de": "der die das und ein eine einen für mit ist von zu den im auf wie was dem des sie",
        "pt": "o a os as de do da que uma um para com em é e se no na como por dos qual",
    }.items()
}
_ENOUGH = 3  # stop words of English after which no other language is tried
_MARKS = {"es": "¿¡ñ", "fr": "àèêçœùî", "de": "äöüß", "pt": "ãõç"}

# Sets of words and plain substrings, since alternatives in a regex cost tens of microseconds per text.
_CODE_WORDS_TEXT = """
function code python javascript java sql algorithm array regex html css script program query recursive
compile compiles compiler c++ api json awk bash rust kotlin typescript decorator
"""
_CODE_WORDS = frozenset(_CODE_WORDS_TEXT.split())
_CODE_SIGNS = ("```", "def ", "linked list", "binary tree", ";\n", "==", "command-line")
_MATH_WORDS_TEXT = """
altogether divisor irrational dice proof prove percent percentage solve equation integral derivative
probability triangle perimeter calculate compute average integer integers expression simplify prime
polynomial theorem divisible remainder fraction litres kilometres
"""
_MATH_WORDS = frozenset(_MATH_WORDS_TEXT.split())
_MATH_SIGNS = (
    "how many",
    "how much",
    "how far",
    "how old",
    "how long",
    "in total",
    "sum of",
    "product of",
    "per hour",
)
_TOKEN = re.compile(r"[a-z+]+")
_NUMBER = re.compile(r"\d")
_NOUN = re.compile(
    r"\b(?:the|an?|of|for|about|on|between|this|your|my|their|his|her|its|some|two|three|four|five|ten"
    r"|from|in)"
    r" ([a-z][a-z-]{2,18})"
    r"(?= (?:of|in|for|and|to|on|that|with|from|is|are|by|at|as|between|into)\b|[.,;:?!\n]|$)"
)
_WORD = re.compile(r"[A-Za-z][a-z]{4,}")
_PLAIN_TEXT = """
abroad short certain additional deduce reverse say task case matter following given above below which these
those their there about would should could write create explain describe generate provide using include
every other first second third between answer question sentence where while after before please identify
suggest compare rewrite classify summarize convert choose make find list name give what order total many
much more most them they one two three way ways sure least
"""
_PLAIN = frozenset(_PLAIN_TEXT.split())
_WORDS = 4  # later ones tend to be of an evolution and no longer of the seed
_GLANCE = 400  # characters; what an instruction is about stands at its beginning


class Subject(NamedTuple):
    """language: ISO 639-1 code. domain: 'code', 'math' or 'chat'. words: content words, at least one."""

    language: str
    domain: str
    words: tuple[str, ...]


def subject_of(text: str) -> Subject:
    """Say what a text is about, from its beginning."""
    glance = text[:_GLANCE]
    words = [word for word in _NOUN.findall(glance) if word not in _PLAIN]
    if not words:
        words = [
            word for word in _WORD.findall(glance)[1:] if word.lower() not in _PLAIN and word[-3:] != "ing"
        ]
    lower = glance.lower()
    tokens = frozenset(words_of(lower))
    english = glance.isascii() and len(tokens & _STOP_WORDS["en"]) >= _ENOUGH
    language = "en" if english else language_of(glance)
    return Subject(language, _domain(lower, tokens), tuple(dict.fromkeys(words))[:_WORDS] or ("subject",))


def language_of(text: str) -> str:
    """Guess the language of a text: by script, else by stop words; English when in doubt."""
    plain = text.isascii()
    if not plain:
        for language, sign in _SCRIPTS:
            if found := len(sign.findall(text)):
                if found * _LATIN_PER_LETTER >= len(_LATIN.findall(text)):
                    return language
                break
    tokens = set(text.lower().split())
    scores = {language: len(tokens & words) for language, words in _STOP_WORDS.items()}
    if not plain:
        for language, marks in _MARKS.items():
            scores[language] += any(mark in text for mark in marks)
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] >= 2 and scores[best] > scores["en"] else "en"


def words_of(text: str) -> list[str]:
    """Split a lower-case text into its ASCII words."""
    return _TOKEN.findall(text)


def _domain(text: str, words: frozenset[str]) -> str:
    if not _CODE_WORDS.isdisjoint(words) or any(sign in text for sign in _CODE_SIGNS):
        return "code"
    if _NUMBER.search(text) and (
        not _MATH_WORDS.isdisjoint(words) or any(sign in text for sign in _MATH_SIGNS)
    ):
        return "math"
    return "chat"
