"""When an evolved instruction is no evolution of its parent, and what of the parent it has lost.

Auto Evol-Instruct (arXiv:2406.00770) has no rule for this; copied markers are WizardLM's (arXiv:2304.12244).
Every kind of failure has its own name, as it counts in the failure rate of a method.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from evobuild.core.instructions import Instruction
from evobuild.evolution.params import Failures
from evobuild.text import assistant_phrases, content, language, words

_MARKER = re.compile(
    r"#\s*(?:(?:final(?:ly)?[ _])?rewritten[ _](?:instruction|prompt)|given prompt|created prompt"
    r"|methods list|plan|conversation|instruction|input)\s*#",
    re.IGNORECASE,
)
# Symbols that tell C from C++ and x + y from x - y stay.
_NOT_SAID = re.compile(r"[^\w+<>=%$€£°^]+|_+")
_NOT_SAID_ASCII = {code: None for code in range(128) if _NOT_SAID.match(chr(code))}
ENOUGH, MORE = 40, 120
"""Letters and digits: how many of an output tell it from a coincidence, and how many are compared at most."""


class Failure(NamedTuple):
    """Why an evolution failed: in a word or two that can be counted, and what was found."""

    reason: str
    detail: str


def evolution_failure(parent: Instruction, evolved: str, rules: Failures) -> Failure | None:
    """Say why an evolved instruction is no evolution of its parent, None if it is one.

    The parent with its input is no evolution of it either.
    """
    if not evolved.strip():
        return Failure("empty", "nothing stands where the new instruction should")
    if rules.markers and (copied := _copied_markers(parent, evolved)):
        return copied
    return _not_new(parent, evolved, rules) or _against_rules(parent, evolved, rules)


def _copied_markers(parent: Instruction, evolved: str) -> Failure | None:
    if copied := _markers(evolved) - _markers(parent.instruction):
        return Failure("markers copied", ", ".join(sorted(copied)))
    return None


def _not_new(parent: Instruction, evolved: str, rules: Failures) -> Failure | None:
    """A text that repeats the parent, or answers it."""
    said, before = _said(evolved), _said(parent.instruction)
    same = said == before or (parent.input and said == before + _said(parent.input))
    if rules.unchanged and same:
        return Failure("unchanged", "the parent but for case, space and punctuation")
    if rules.answered and (answer := _answer(parent, evolved, said, before)):
        return Failure("answered", answer)
    return None


def _against_rules(parent: Instruction, evolved: str, rules: Failures) -> Failure | None:
    if rules.language and (changed := language.detect_language_change(parent.instruction, evolved)):
        return Failure("language changed", "parent {}, child {}".format(*changed))
    more = words.count_words(evolved) - words.count_words(parent.instruction)
    if parent.input and parent.input.strip() in evolved:
        more -= words.count_words(parent.input)
    if rules.max_growth is not None and more > rules.max_growth:
        return Failure("grew too long", f"{more} words more than its parent; at most {rules.max_growth}")
    return None


def lost_content(parent: Instruction, evolved: str, given: str) -> list[str]:
    """Say which code, tables and figures of a parent are neither in its child nor in the child's input.

    Instance: ["number 12", "table of 3 lines: | Name | Age |"].
    """
    child = f"{evolved}\n{given}"
    return [
        lost
        for text in (parent.instruction, parent.input)
        for lost in content.find_missing_content(text, child)
    ]


def _answer(parent: Instruction, evolved: str, said: str, before: str) -> str | None:
    """Say how a text is an answer in place of the instruction, None if it does not look like one."""
    output, given = _said(parent.output), before + _said(parent.input)
    if len(said) >= ENOUGH and said in output and said not in given:
        return "a part of the parent's own output"
    # With the parent in it, it may go on to talk like an assistant.
    if before in said:
        return None
    if len(output) >= ENOUGH and output[:MORE] in said and output[:MORE] not in given:
        return "the parent's own output"
    if (
        opening := assistant_phrases.find_answer_opening(evolved)
    ) and not assistant_phrases.find_answer_opening(parent.instruction):
        return f"begins as an answer does: {opening}"
    if content.is_code(evolved) and not content.is_code(parent.instruction):
        return "code alone"
    return None


def _markers(text: str) -> set[str]:
    return {f"#{_said(marker)}#" for marker in _MARKER.findall(text)} if "#" in text else set()


def _said(text: str) -> str:
    """What is left of a text without case, space and punctuation."""
    if text.isascii():
        return text.translate(_NOT_SAID_ASCII).lower()
    return _NOT_SAID.sub("", words.compose(text)).casefold()
