"""Detect languages, split sentences and count words in capitals, by the libraries that IFEval uses.

langdetect is random: its generator is seeded before each text, so that a verdict depends on the text alone.
NLTK splits sentences with Punkt, whose English model `punkt_tab` has to be downloaded.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from evobuild.core.errors import UserError, require

EXTRA = "eval"
LANGUAGE_SEED = 0
"""The seed of langdetect's documentation: published verdicts do not state theirs."""


@cache
def list_languages() -> frozenset[str]:
    """List the language codes that langdetect detects. Raises MissingExtra without it."""
    folder = Path(require("langdetect.detector_factory", EXTRA).PROFILES_DIRECTORY)
    return frozenset(profile.name for profile in folder.iterdir())


@lru_cache(maxsize=16)
def detect_language(text: str) -> str | None:
    """Return the language code of a text, such as en; None if it has no features to detect."""
    langdetect = require("langdetect", EXTRA)
    langdetect.DetectorFactory.seed = LANGUAGE_SEED
    try:
        found: str = langdetect.detect(text)
    except langdetect.LangDetectException:
        return None
    return found


def require_punkt() -> None:
    """Raise UserError with the download command if Punkt's English model is missing."""
    try:
        _punkt()
    except (LookupError, OSError):
        raise UserError(
            "IFEval counts sentences and words in capitals with NLTK's 'punkt_tab', which is missing; "
            "run: python -m nltk.downloader punkt_tab, or set NLTK_DATA to the folder that has it"
        ) from None


@cache
def _punkt() -> Any:
    return require("nltk.tokenize.punkt", EXTRA).PunktTokenizer("english")


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences."""
    found: list[str] = _punkt().tokenize(text)
    return found


def count_capital_words(text: str) -> int:
    """Count the words in capitals; a word with a hyphen is one word."""
    return sum(map(_capital_words_of, split_sentences(text)))


@lru_cache(maxsize=4096)
def _capital_words_of(sentence: str) -> int:
    """Count the capital words of one sentence; cached, because the forms of a reply share most sentences."""
    words = require("nltk.tokenize", EXTRA).word_tokenize(sentence, preserve_line=True)
    return sum(word.isupper() for word in words)
