"""Detect unusable replies, and responses that show that their instruction has failed.

F(r), the failure of a response, is that of Auto Evol-Instruct (arXiv:2406.00770, section 3.3):
compared case-folded, at the beginning and end of the whole response, after stripping blank space, quotes
and markdown. WizardLM (arXiv:2304.12244) has two rules of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from evobuild.core.chat import Reply
from evobuild.text.words import STOP_WORDS, count_words, split_alphanumerics

STAGNANT = ("understood", "thank you", "what", "that is correct", "great")
_STAGNANT = re.compile(rf"(?:{'|'.join(STAGNANT)})\b")
_SURE = re.compile(r"sure\b")
_PLEASE_PROVIDE = re.compile(r"please\s+provide")
_SPACE = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
_AROUND = _SPACE + "\"'*_`~>#“”‘’«»「」"
SORRY_WORDS = 80
"""Words from which a response with "sorry" may well be an answer."""


def find_response_failure(text: str, rules: Collection[str] = ("auto_evol",)) -> str | None:
    """Return the failure of a response; None for an answer.

    rules: auto_evol for F(r), wizardlm, or both. The words of "stop words only" are English.
    Examples: "Sure, which one?" -> "insufficient qualification"; "What a day." -> None.
    """
    folded = text.casefold()
    if "auto_evol" in rules:
        response = folded.strip(_AROUND)
        if response.endswith(("?", "？")):
            beginning = " ".join(response[:40].split())
            if _STAGNANT.match(beginning):
                return "stagnant complexity"
            if _SURE.match(beginning):
                return "insufficient qualification"
        if "provide" in folded and _PLEASE_PROVIDE.search(folded):
            return "loss of key information"
    if "wizardlm" in rules:
        if "sorry" in folded and count_words(text) < SORRY_WORDS:
            return "sorry"
        if _has_only_stop_words(folded):
            return "stop words only"
    return None


def find_reply_failure(reply: Reply) -> str | None:
    """Return why a whole reply is unusable before parsing: error, truncation or emptiness."""
    if reply.error is not None:
        return "model error"
    if reply.finish == "content_filter":
        return "content filter"
    if reply.finish == "length":
        return "truncated"
    return None if reply.text.strip() else "empty"


def _has_only_stop_words(folded: str) -> bool:
    if not STOP_WORDS.issuperset(split_alphanumerics(folded)):
        return False
    # A symbol such as an emoji or a plus may be the answer.
    return all(unicodedata.category(sign)[0] != "S" or sign in "`^~|" for sign in folded)
