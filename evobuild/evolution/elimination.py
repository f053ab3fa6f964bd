"""Detect failed evolutions, and content of the parent that its child lost.

Auto Evol-Instruct (arXiv:2406.00770) has no rules for this; the rule on copied markers is WizardLM's
(arXiv:2304.12244). Each kind of failure has a reason of its own, and counts in a method's failure rate.
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
# Keep symbols that distinguish C from C++ and x + y from x - y.
_NOT_SAID = re.compile(r"[^\w+<>=%$€£°^]+|_+")
_NOT_SAID_ASCII = {code: None for code in range(128) if _NOT_SAID.match(chr(code))}
ENOUGH, MORE = 40, 120
"""Letters and digits: minimum of an output that make a match no coincidence, and maximum to compare."""


class Failure(NamedTuple):
    """Why an evolution failed: a reason of a word or two, for counting, and the detail."""

    reason: str
    detail: str


def find_evolution_failure(parent: Instruction, evolved: str, rules: Failures) -> Failure | None:
    """Return why an evolved instruction fails as an evolution of its parent; None if it does not.

    A copy of the parent with its input fails too.
    """
    if not evolved.strip():
        return Failure("empty", "nothing stands where the new instruction should")
    if rules.markers and (copied := _find_copied_markers(parent, evolved)):
        return copied
    return _find_copy(parent, evolved, rules) or _find_rule_violation(parent, evolved, rules)


def _find_copied_markers(parent: Instruction, evolved: str) -> Failure | None:
    if copied := _find_markers(evolved) - _find_markers(parent.instruction):
        return Failure("markers copied", ", ".join(sorted(copied)))
    return None


def _find_copy(parent: Instruction, evolved: str, rules: Failures) -> Failure | None:
    """Return the failure of a text that repeats or answers the parent."""
    said, before = _normalise(evolved), _normalise(parent.instruction)
    same = said == before or (parent.input and said == before + _normalise(parent.input))
    if rules.unchanged and same:
        return Failure("unchanged", "the parent but for case, space and punctuation")
    if rules.answered and (answer := _describe_answer(parent, evolved, said, before)):
        return Failure("answered", answer)
    return None


def _find_rule_violation(parent: Instruction, evolved: str, rules: Failures) -> Failure | None:
    if rules.language and (changed := language.detect_language_change(parent.instruction, evolved)):
        return Failure("language changed", "parent {}, child {}".format(*changed))
    more = words.count_words(evolved) - words.count_words(parent.instruction)
    if parent.input and parent.input.strip() in evolved:
        more -= words.count_words(parent.input)
    if rules.max_growth is not None and more > rules.max_growth:
        return Failure("grew too long", f"{more} words more than its parent; at most {rules.max_growth}")
    return None


def find_lost_content(parent: Instruction, evolved: str, given: str) -> list[str]:
    """List code, tables and figures of a parent that are neither in its child nor in the child's input.

    Example: ["number 12", "table of 3 lines: | Name | Age |"].
    """
    child = f"{evolved}\n{given}"
    return [
        lost
        for text in (parent.instruction, parent.input)
        for lost in content.find_missing_content(text, child)
    ]


def _describe_answer(parent: Instruction, evolved: str, said: str, before: str) -> str | None:
    """Describe why a text is an answer instead of an instruction; None if it does not look like one."""
    output, given = _normalise(parent.output), before + _normalise(parent.input)
    if len(said) >= ENOUGH and said in output and said not in given:
        return "a part of the parent's own output"
    # A text that contains the parent may also talk like an assistant: it is still an instruction.
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


def _find_markers(text: str) -> set[str]:
    return {f"#{_normalise(marker)}#" for marker in _MARKER.findall(text)} if "#" in text else set()


def _normalise(text: str) -> str:
    """Remove case, space and punctuation from a text."""
    if text.isascii():
        return text.translate(_NOT_SAID_ASCII).lower()
    return _NOT_SAID.sub("", words.compose(text)).casefold()
