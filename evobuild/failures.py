"""When an evolution has failed: by the response that its instruction gets, or by the reply itself.

F(r), the failure of a response, is that of Auto Evol-Instruct (arXiv:2406.00770, section 3.3):
compared case-folded, anchored at both ends of the whole response, without the blank space, quotes
and markdown around it.
The paper has no rule for replies that are no evolution at all; those are named here too.
"""

from __future__ import annotations

import re
import unicodedata

from evobuild.models.request import Reply

STAGNANT = ("understood", "thank you", "what", "that is correct", "great")
_STAGNANT = re.compile(rf"(?:{'|'.join(STAGNANT)})\b")
_SURE = re.compile(r"sure\b")
_MARKER = re.compile(
    r"#\s*(?:(?:final(?:ly)?[ _])?rewritten[ _](?:instruction|prompt)|given prompt|created prompt"
    r"|methods list|plan|conversation|instruction|input)\s*#",
    re.IGNORECASE,
)
_NOT_WORD = re.compile(r"[\W_]+")
_AROUND = " \"'*_`~>#“”‘’«»「」"


def of_response(text: str) -> str | None:
    """Name the failure F(r) of a response, None if it is none.

    Instances: "Sure, which one?" -> "insufficient qualification"; "What a day." -> None.
    """
    response = " ".join(text.split()).strip(_AROUND).casefold()
    if response.endswith(("?", "？")):
        if _STAGNANT.match(response):
            return "stagnant complexity"
        if _SURE.match(response):
            return "insufficient qualification"
    return "loss of key information" if "please provide" in response else None


def of_reply(reply: Reply) -> str | None:
    """Name what makes a whole reply unusable, before it is read: its error, truncation, emptiness."""
    if reply.error is not None:
        return "model error"
    if reply.finish == "content_filter":
        return "content filter"
    if reply.finish == "length":
        return "truncated"
    return None if reply.text.strip() else "empty"


def of_evolution(parent: str, child: str) -> str | None:
    """Name why an evolved instruction is no evolution of its parent, None if it is one."""
    if not child.strip():
        return "empty"
    if _markers(child) - _markers(parent):
        return "markers copied"
    return "unchanged" if _letters(parent) == _letters(child) else None


def _markers(text: str) -> set[str]:
    return {_letters(marker) for marker in _MARKER.findall(text)}


def _letters(text: str) -> str:
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", text)).casefold()
