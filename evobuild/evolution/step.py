"""Evolve one row: the evolver's prompt for a parent, and the child from its reply.

A strategy (`strategies`) decides how rows are evolved. The evolver also sees the conversation and the input.
A reply may end with a line `#Input#:` and a new input below it; without one, a child in depth keeps its
parent's input, unless the instruction includes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Reply
from evobuild.core.instructions import Instruction, content_id, row_id
from evobuild.core.rejects import Reject
from evobuild.evolution import elimination, methods
from evobuild.evolution.params import Failures
from evobuild.seeds.extra import without_fields

_LABEL = r"[ \t>*_`]*#+[ \t]*{name}[ \t]*#[*_`]*[ \t]*:?[ \t]*[*_`]*"
_INPUT = re.compile("^" + _LABEL.format(name="input"), re.IGNORECASE | re.MULTILINE)
_INSTRUCTION = re.compile(_LABEL.format(name="instruction"), re.IGNORECASE)
_NO_INPUT = re.compile(
    r"[\W_]*+(?:none|no[ _]?input|n/?a|empty|unchanged|same(?: as (?:above|before))?)?[\W_]*", re.IGNORECASE
)


MOST_CALLS = 8
"""Maximum calls for one child that a strategy may make in one attempt."""


class Step(NamedTuple):
    """How to evolve one row: strategy, operation and prompt.

    read: extracts the new instruction from a reply, or raises methods.Unparsable. keeps_input: whether the
    input stays. then: builds the next step from the text of a reply that is not the child yet; raises as read
    does. also: further steps of the same row, each for another child. steps: how many the row has. new_task:
    the child is another task than its parent. sample: which reply to its prompt to use, from 0. keeps_answer:
    the child also has the parent's gold answer. needs_answer: the prompt shows the parent's answer; a parent
    without one is rejected.
    """

    parent: Instruction
    strategy: str
    operation: str
    prompt: str
    read: Callable[[str], str]
    keeps_input: bool
    then: Callable[[str], Step] | None = None
    also: tuple[Step, ...] = ()
    steps: int = 1
    new_task: bool = False
    sample: int = 0
    keeps_answer: bool = False
    needs_answer: bool = False


Plan = Callable[[Instruction], Step]
"""Builds the step that evolves a row."""


class RoundSource(NamedTuple):
    """What a round is evolved from. seed: the random seed. optimized: file of the method e*."""

    round: str
    seed: int
    optimized: Path


def format_history(row: Instruction) -> list[dict[str, str]]:
    """Return the earlier turns of a row in the form that templates expect."""
    return [{"role": role, "content": content} for role, content in row.history]


def read_child(
    step: Step, reply: Reply, round: str, evolver: str, rules: Failures, gold: Sequence[str] = ()
) -> Instruction | Reject:
    """Parse a reply: return the child, without an output yet, or a reject.

    round: the child's. evolver: URI of the model that replied. gold: columns of `extra` that answer the
    parent only. A reject has the parent's id.
    """
    parent = step.parent
    if reason := failures.find_reply_failure(reply):
        return Reject(parent.id, reason, reply.error or "", reply.kept)
    try:
        evolved, new = _split_child(step.read(reply.text), step)
    except methods.Unparsable as error:
        return Reject(parent.id, "unparsable", str(error), reply.text)
    given = _choose_input(evolved, step) if new is None else new
    if failure := _find_failure(step, evolved, given, rules):
        return Reject(parent.id, *failure, reply.text)
    if (
        rules.lost_content
        and not step.new_task
        and (lost := elimination.find_lost_content(parent, evolved, given))
    ):
        return Reject(parent.id, "lost content", ", ".join(lost), reply.text)
    content = content_id(parent.history, evolved, given)
    return Instruction(
        id=row_id(round, parent.id, content),
        content_id=content,
        seed_id=parent.seed_id,
        parent_id=parent.id,
        round=round,
        domain=parent.domain,
        history=parent.history,
        instruction=evolved,
        input=given,
        output="",
        strategy=step.strategy,
        operation=step.operation,
        evolver=evolver,
        seed_place=parent.seed_place,
        extra=parent.extra if step.keeps_answer else without_fields(parent.extra, gold),
    )


def _split_child(text: str, step: Step) -> tuple[str, str | None]:
    """Split an evolved text into instruction and new input; None without a new input.

    A label without an instruction before it is an echo of the prompt; so is any label in a task that starts
    without an input.
    """
    if "#" not in text or not step.keeps_input:
        return text, None
    # The parent's own text may contain such labels: skip as many.
    own = len(_INPUT.findall(step.parent.instruction))
    label = next(iter(list(_INPUT.finditer(text))[own:]), None)
    head = text[: label.start()].strip() if label else ""
    if label is None or not head:
        return text, None
    if leading := _INSTRUCTION.match(head):
        head = head[leading.end() :].strip()
    new = text[label.end() :].strip()
    return head, None if _NO_INPUT.fullmatch(new) else new


def _find_failure(step: Step, evolved: str, given: str, rules: Failures) -> elimination.Failure | None:
    """Find the failure of a child; if it has a new input, check instruction and input as one text."""
    # A child may repeat what its operation shows the evolver.
    parent = step.parent._replace(output="") if step.needs_answer else step.parent
    if given == parent.input or not step.keeps_input:
        return elimination.find_evolution_failure(parent, evolved, rules)
    whole = parent._replace(instruction=f"{parent.instruction}\n\n{parent.input}".strip(), input="")
    return elimination.find_evolution_failure(whole, f"{evolved}\n\n{given}".strip(), rules)


def _choose_input(evolved: str, step: Step) -> str:
    """Return the parent's input; '' for a new task, or if the instruction includes it already."""
    parent = step.parent
    if not step.keeps_input or not parent.input:
        return ""
    taken = parent.input.strip()
    if not taken or _count_occurrences(taken, evolved) <= _count_occurrences(taken, parent.instruction):
        return parent.input
    return ""


def _count_occurrences(part: str, text: str) -> int:
    """Count the occurrences of a part in a text, as whole words and without overlaps."""
    count, end = 0, 0
    while (start := text.find(part, end)) >= 0:
        end = start + len(part)
        count += not (_is_word_character(text[start - 1 : start]) or _is_word_character(text[end : end + 1]))
    return count


def _is_word_character(character: str) -> bool:
    return character.isalnum() or character == "_"
