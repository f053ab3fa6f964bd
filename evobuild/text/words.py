"""Words of a text: every rule by which a text is cut into words, and English words that say nothing.

Each rule serves another purpose, and results rest on each, so they are kept apart:

count_words               length of a text for filters, growth and failures: parts between blanks
split_at_blanks           the same for texts known to be in a script with spaces: methods, English tests
split_words               near-duplicates: letters, digits and `_`; signs do not count
split_words_and_signs     near-duplicate constraints: signs count, as "no '!'" is not "no '?'"
split_word_runs           length of a constraint: a run of a script without spaces is one word
split_alphanumerics       letters and digits: `_` is a sign, as in tags and Markdown
split_letter_runs         whether a text has words that tell its language: two letters or more
split_marked_words        phrases for keywords: letters and digits with their marks, without `_`
split_normalised_words    shared text of contamination: case, width, signs and layout hide nothing
split_keeping_spaces      differences shown word by word: the parts join to the text again

In Chinese, Japanese and Thai no spaces set words apart; each rule says what counts there.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# Thai, kana, Han.
_WITHOUT_SPACES = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# Lao, Burmese and Khmer as well, small katakana, and the Han of the higher planes.
_ALL_WITHOUT_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# No Thai, whose vowel signs belong to the letter before them; as in reporting/pages/explorer_tree.js.
_SHOWN_APART = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

_CHARACTER = re.compile(rf"[{_WITHOUT_SPACES}]")
_FULL_WIDTH_STOP = re.compile(r"[\u3000-\u303f\uff01-\uff0f\uff1a-\uff1f]")
_WORD = re.compile(rf"[{_WITHOUT_SPACES}]|\w+")
_WORD_OR_SIGN = re.compile(rf"[{_WITHOUT_SPACES}]|\w+|[^\w\s]")
_WORD_RUN = re.compile(r"\w+")
_ASCII_RUN = re.compile(r"\w+", re.ASCII)
_ALPHANUMERICS = re.compile(r"[^\W_]+")
_LETTER_RUN = re.compile(r"[^\W\d_]{2,}")
_WITH_SPACES = re.compile(rf"[{_SHOWN_APART}]\s*|[^\s{_SHOWN_APART}]+\s*|\s+")
_MARKS = 30
"""Marks on one letter that are put in order together: Unicode's Stream-Safe Text Format (UAX #15, 13)."""
_PHRASE, _PHRASES = "\ufdfa", 1000
_MANY_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_MARKS + 1},}}")

# "Yes" and "no" are left out: they may be all that was asked for.
_STOP_WORDS_TEXT = """
a about after again all also am an and any are as at be because been before being but by can could did do does
doing don down each few for from had has have having he her here hers him his how i if in into is it its just
ll m me more most my nor not now of off on once only or other our ours out over own re s same she should so
some such t than that the their theirs them then there these they this those through to too under until up ve
very was we were what when where which while who whom why will with would you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())


def count_words(text: str) -> int:
    """Count the words of a text, set apart by blanks: "It's 3.5, no?" has 3.

    Of scripts without spaces two characters are one word, and their full-width stops are blanks.
    """
    if text.isascii():
        return len(split_at_blanks(text))
    rest, characters = _CHARACTER.subn(" ", text)
    return len(split_at_blanks(_FULL_WIDTH_STOP.sub(" ", rest))) + (characters + 1) // 2


def split_at_blanks(text: str) -> list[str]:
    """Split at blank space, signs included: "It's 3.5, no?" -> ["It's", "3.5,", "no?"].

    A run of a script without spaces is one word, so other than `count_words` it is no measure of these.
    """
    return text.split()


def split_words(text: str) -> list[str]:
    """Split into runs of letters, digits and `_`: "It's 3.5, 你好" -> ["It", "s", "3", "5", "你", "好"].

    A character of a script without spaces is a word.
    """
    return _WORD.findall(text)


def split_words_and_signs(text: str) -> list[str]:
    """Split as `split_words` does, each sign a word of its own: "No '!'" -> ["No", "'", "!", "'"]."""
    return _WORD_OR_SIGN.findall(text)


def split_word_runs(text: str) -> list[str]:
    """Split into runs of letters, digits and `_`, whatever the script: "3.5 你好" -> ["3", "5", "你好"].

    Other than `split_words` it takes a run of a script without spaces for one word.
    """
    return _WORD_RUN.findall(text)


def split_alphanumerics(text: str) -> list[str]:
    """Split into runs of letters and digits: "snake_case 3.5" -> ["snake", "case", "3", "5"].

    Other than `split_word_runs` it takes `_` for a sign: in tags and Markdown it means a blank.
    """
    return _ALPHANUMERICS.findall(text)


def split_letter_runs(text: str) -> list[str]:
    """Split into runs of two letters or more: "In H2O, 3 atoms" -> ["In", "atoms"].

    Digits and single letters, as in formulas, belong to no language.
    """
    return _LETTER_RUN.findall(text)


def split_marked_words(text: str) -> list[str]:
    """Split into runs of letters, marks and numbers: "snake_case ½ हिन्दी" -> ["snake", "case", "½", "हिन्दी"].

    By Unicode category: other than `split_alphanumerics` it leaves the vowel signs of Indic scripts and
    combining accents within their word.
    """
    return "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in text).split()


def split_keeping_spaces(text: str) -> list[str]:
    """Split into words with the space after each, which join to the text again.

    Chinese and Japanese characters are words of their own: "A b, 你好" -> ["A ", "b, ", "你", "好"].
    """
    return _WITH_SPACES.findall(text)


def normalise(text: str) -> str:
    """Fold what looks or reads alike into one: NFKC, then letters without case."""
    return text.lower() if text.isascii() else compose(text).casefold()


def compose(text: str) -> str:
    """Bring a text to NFKC, in time that grows with its length alone.

    To put n marks on one letter in order takes time of n squared; of more than any script has, each 30 are
    put in order by themselves. Nor does a text of ﷺ alone grow to the 18 letters of each.
    """
    if text.isascii():
        return text
    if text.count(_PHRASE) > _PHRASES:
        return _PHRASE.join(map(compose, text.split(_PHRASE)))
    cuts = [
        place
        for run in _MANY_MARKS.finditer(text)
        for place in range(run.start() + _MARKS, run.end(), _MARKS)
    ]
    ends = [*cuts, len(text)]
    return "".join(
        unicodedata.normalize("NFKC", text[start:end]) for start, end in zip([0, *cuts], ends, strict=True)
    )


def split_normalised_words(text: str) -> list[str]:
    """Normalise and split into words: "A cat's 3.5, 你好" -> ["a", "cat", "s", "3", "5", "你", "好"].

    Words are runs of letters, digits, marks and `_`. Each character of a script without spaces is one;
    other than `split_words` it counts Lao, Burmese, Khmer and all Han among these, and leaves marks in
    their word.
    """
    normalised = normalise(text)
    return _compile_normalised_word(normalised).findall(normalised)


def locate_normalised_words(normalised: str) -> list[tuple[int, int]]:
    """Give where each of `split_normalised_words` begins and ends in a text that is normalised already."""
    return [found.span() for found in _compile_normalised_word(normalised).finditer(normalised)]


def _compile_normalised_word(normalised: str) -> re.Pattern[str]:
    return _ASCII_RUN if normalised.isascii() else _compile_marked_word()


@cache
def _compile_marked_word() -> re.Pattern[str]:
    # 60,000 look-ups, for texts that are not ASCII only.
    marks = "".join(
        char for char in map(chr, range(0x300, 0xFFFF)) if unicodedata.category(char) in ("Mn", "Mc")
    )
    alone = _ALL_WITHOUT_SPACES
    return re.compile(rf"[{alone}]|[^\W{alone}](?:(?![{alone}])[\w{marks}])*")
