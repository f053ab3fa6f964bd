"""What makes a reply unusable, and what makes a response show that its instruction has failed.

F(r), the failure of a response, is that of Auto Evol-Instruct (arXiv:2406.00770, section 3.3):
compared case-folded, anchored at both ends of the whole response, without the blank space, quotes
and markdown around it. WizardLM (arXiv:2304.12244) has two rules of its own.
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
"""Words from which a response with "sorry" in it may well be an answer."""


def response_failure(text: str, rules: Collection[str] = ("auto_evol",)) -> str | None:
    """Name the failure of a response, None if it is none.

    rules: auto_evol for F(r), wizardlm, or both. The words of "stop words only" are English.
    Instances: "Sure, which one?" -> "insufficient qualification"; "What a day." -> None.
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
        if _says_nothing(folded):
            return "stop words only"
    return None


def reply_failure(reply: Reply) -> str | None:
    """Name what makes a whole reply unusable, before it is read: its error, truncation, emptiness."""
    if reply.error is not None:
        return "model error"
    if reply.finish == "content_filter":
        return "content filter"
    if reply.finish == "length":
        return "truncated"
    return None if reply.text.strip() else "empty"


def _says_nothing(folded: str) -> bool:
    if not STOP_WORDS.issuperset(split_alphanumerics(folded)):
        return False
    # A sign such as an emoji or a plus may be the answer.
    return all(unicodedata.category(sign)[0] != "S" or sign in "`^~|" for sign in folded)
