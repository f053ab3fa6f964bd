"""What assistants say around an instruction that they rewrote, and what they say in its place.

Only wordings that speak of the rewriting, offer more, refuse or announce an answer count, and only at
their place: a lead-in comes first, a remark or an offer last. "Here is a table; sort it" does not match.
"""

from __future__ import annotations

import re


def _one_of(*wordings: str) -> str:
    return f"(?:{'|'.join(wordings)})"


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("'", "['’]"), re.IGNORECASE)


LEAD = 160
"""Characters within which a lead-in ends."""

_TASK = r"(?:instruction|prompt|task|question|query|request|problem|version|rewrite)s?\b"
_NEW = _one_of(
    r"re-?written|revised|updated|evolved|modified|improved|enhanced|refined|reworded|rephrased|new|final",
    r"harder|tougher|stricter|deeper|(?:more|slightly|somewhat|a bit|a little) [\w-]++",
)
_DID = "made|changed|re-?written|rewrote|revised|updated|modified|evolved|reworked|reworded|added|kept"
_I_DID = rf"i(?:'ve| have)? (?:just |also )?(?:{_DID})\b"
# A revised version of my essay is no rewritten instruction; a revised version of the prompt is.
_OF_ELSE = rf"(?! (?:of|for) (?!(?:the|your|this) (?:\w+ )?{_TASK}))"
_REWRITTEN = rf"{_NEW} (?:[\w-]++,? ){{0,4}}?{_TASK}{_OF_ELSE}"
_HERE = _one_of("here(?:'s| is| are| you go)?", "this is", "below is", "the following is")
_YES = "sure(?: thing)?|certainly|of course|absolutely|definitely|okay|ok|great|understood|no problem"
_AGREED = rf"(?:{_YES})\b[\s,.!;—–-]*+"
_ABROAD = _one_of(
    "reescrit|reformulad|réécrit|reformulé|umgeschrieben|überarbeitet|umformuliert|riscritt|переписанн",
    "(?:改写|重写|修改|改进)后的|書き(?:換え|直し)た",
)
_LEAD_IN = _compile(
    r"[*_#>\s]*+"
    + _one_of(
        rf"(?:{_AGREED})?{_HERE}\b[^\n:]{{0,40}}?\b{_REWRITTEN}[^\n:]{{0,80}}:",
        rf"(?:{_AGREED})?{_I_DID}[^\n:]{{0,40}}\b(?:{_TASK}|wording)[^\n:]{{0,80}}:(?=\s*\n)",
        rf"(?:the |your |my )?{_REWRITTEN}[ *_]*:",
        rf"(?=[^\n]{{,80}}[:：])[^\n:：]{{,40}}?{_ABROAD}[^\n:：]{{,40}}[:：]",
        rf"(?:{_YES})\b[\s,.!;—–-]*(?<=\n)",
    )
    + r"(?:[*_]+(?=\s))?\s*"
)
_REMARK = _compile(
    r"[*_(\s]*+"
    + _one_of(
        rf"(?:this|the) (?:{_REWRITTEN}|version\b|changes?\b|additions?\b|added\b)|in this version\b",
        _I_DID,
        r"(?:note|explanation|rationale|reasoning|(?:key )?changes|what (?:i )?changed)\b[^\n:]{0,20}:",
        r"by (?:adding|requiring|specifying|asking)\b|compared (?:to|with) the original\b",
    )
)
_BREAK = re.compile(r"\n\s*\n|```[ \t]*\n")
_OFFER = _compile(
    r"[*_(\s]*+"
    + _one_of(
        r"(?:please )?let me know (?:if|whether|what|how) (?:you(?:'d| would| want| need| prefer)|i|any)\b",
        r"(?:i )?hope (?:this|that|it) (?:helps|works|meets)\b|feel free to (?:ask|let me|reach|tell)\b",
        r"(?:would|do) you (?:like|want|need) (?:me|any|another|more)\b|is there anything else\b",
        r"(?:should|shall) i (?:make it|revise|adjust|continue)\b",
    )
)
_OF_REWRITING = _compile(
    r"[*_(\s]*+"
    + _one_of(
        rf"(?:{_AGREED})?{_I_DID}[^\n.]{{0,60}}\b(?:instruction|prompt|original)s?\b",
        rf"(?:{_AGREED})?{_HERE}[^\n:.]{{0,30}}\b{_NEW} (?:[\w-]++,? ){{0,2}}?"
        r"(?:prompt|instruction|version)s",
    )
)
_JOB = "rewrite|evolve|fulfill?|comply|assist|help|answer|provide|complete|continue|access|generate|create"
_CANNOT = rf"i(?:'m| am)? (?:cannot|can't|can not|unable to|not able to|won't|will not) (?:{_JOB})\b"
_NO_QUESTION = r"(?!(?s:.)*[?？][^\w?？]*+\Z)"
_ANSWER = _compile(
    r"[*_\"\s]*+"
    + _one_of(
        rf"(?:{_AGREED})?here(?:'s| is) (?:the|your) (?:answer|solution|response|reply)"
        r"(?:[:.,]| to (?:the|your|this) (?:question|instruction|task|prompt)\b)",
        r"(?:sure|certainly|of course|absolutely)[,.!]++\s*+(?:here|i(?:'ll| will| can| have|'d)\b)",
        rf"(?:the|my) answer (?:is|would be|to (?:this|the|your) \w+ is)\b{_NO_QUESTION}",
        rf"(?:answer|solution|response)[*_]*:{_NO_QUESTION}",
        rf"to (?:solve|answer) (?:this|the) \w+, (?:we|i|let's|let us) {_NO_QUESTION}",
        r"(?:(?:that's|what) an? )?(?:great|good|excellent|interesting) question[!.]",
        r"as an ai(?: language)?(?: model| assistant)?,? i(?:'m| am| can| do| don't| have| cannot| must)\b",
        rf"(?:i'm |i am )?(?:really |very |so )?sorry,?(?: but)?,? {_CANNOT}",
        rf"(?:i apologi[sz]e|my apologies|unfortunately),?(?: but)?,? {_CANNOT}",
        rf"{_CANNOT}(?: with)? (?:this|that|your|the) (?:instruction|prompt|request|task|question)\b",
        r"(?:lo siento|je suis désolée?|es tut mir leid|mi dispiace|sinto muito|desculpe),? "
        r"(?:\w+ )?(?:no puedo|je ne peux|ich kann|non posso|não posso)\b",
        r"(?:aquí (?:está|tienes) la respuesta|la respuesta es|voici la réponse|la réponse est)\b",
        r"(?:die antwort (?:ist|lautet)|hier ist die (?:antwort|lösung)|a resposta é)\b",
        r"很?抱歉[，,]|[对對]不起[，,]|答案(?:是|如下)|以下是(?:答案|回答)|回答[:：]|作为一?[个名]?(?:ai|人工智能)",
        r"申し訳(?:ありません|ございません)|答えは",
    )
)


def strip_assistant_phrases(text: str) -> str:
    """Take off a lead-in such as "Sure! Here is the rewritten prompt:", with the remarks after the text.

    Offers of more at the end go in any case; without a lead-in a remark may belong to the instruction.
    """
    if (":" in text[:LEAD] or "：" in text[:LEAD] or "\n" in text[:LEAD]) and (lead := _LEAD_IN.match(text)):
        text = text[lead.end() :]
        breaks = (cut.end() for cut in _BREAK.finditer(text))
        text = text[: next((cut for cut in breaks if _REMARK.match(text, cut)), None)].rstrip()
    return _strip_offers(text)


def _strip_offers(text: str) -> str:
    last = text.rfind("\n") + 1
    if not last or not _OFFER.match(text, last):
        return text
    lines = text.split("\n")
    while len(lines) > 1 and _OFFER.match(lines[-1]):
        lines.pop()
        while lines and not lines[-1].strip():
            lines.pop()
    return "\n".join(lines).rstrip()


def find_rewriting_opening(text: str) -> str | None:
    """Find the words with which a text begins to talk of the rewriting, None if it does not."""
    found = _OF_REWRITING.match(text)
    return found and found[0].strip()


def find_answer_opening(text: str) -> str | None:
    """Find the words with which a text begins as an answer or a refusal does, None if it does not."""
    found = _ANSWER.match(text)
    return found and found[0].strip()
