"""What IFEval takes from libraries: the language of a text, its sentences, and its words in capitals.

langdetect draws at random: its generator is seeded before each text, so that a verdict depends on the text
alone. NLTK splits with Punkt, whose English model `punkt_tab` is data that has to be there.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from evobuild.core.errors import UserError, require

EXTRA = "eval"
LANGUAGE_SEED = 0
"""As langdetect's documentation has it: published verdicts do not say theirs."""


@cache
def known_languages() -> frozenset[str]:
    """The codes that langdetect tells apart. Raises MissingExtra without it."""
    folder = Path(require("langdetect.detector_factory", EXTRA).PROFILES_DIRECTORY)
    return frozenset(profile.name for profile in folder.iterdir())


@lru_cache(maxsize=16)
def detect_language(text: str) -> str | None:
    """The code of the language of a text, such as en; None if nothing in it tells."""
    langdetect = require("langdetect", EXTRA)
    langdetect.DetectorFactory.seed = LANGUAGE_SEED
    try:
        found: str = langdetect.detect(text)
    except langdetect.LangDetectException:
        return None
    return found


def require_punkt() -> None:
    """Raise UserError, saying how to get it, if Punkt's English model is not there."""
    try:
        _punkt()
    except (LookupError, OSError):
        raise UserError(
            "IFEval counts sentences and words in capitals with NLTK's 'punkt_tab', which is not there; "
            "get it with: python -m nltk.downloader punkt_tab, or name the folder that has it in NLTK_DATA"
        ) from None


@cache
def _punkt() -> Any:
    return require("nltk.tokenize.punkt", EXTRA).PunktTokenizer("english")


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences."""
    found: list[str] = _punkt().tokenize(text)
    return found


def count_capital_words(text: str) -> int:
    """Count the words that are all in capitals; a word with a hyphen is one."""
    return sum(map(_capital_words_of, split_sentences(text)))


@lru_cache(maxsize=4096)
def _capital_words_of(sentence: str) -> int:
    """Of one sentence, remembered: the forms of a reply share most of theirs."""
    words = require("nltk.tokenize", EXTRA).word_tokenize(sentence, preserve_line=True)
    return sum(word.isupper() for word in words)
