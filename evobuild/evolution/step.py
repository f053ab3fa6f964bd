"""One row's evolution: what the evolver is asked for a parent, and what its reply becomes.

How rows are evolved is a matter of the strategy (`strategies`). The evolver sees the conversation and the
input too. A reply may end with a line `#Input#:` and a new input below it; without one a child in depth
keeps its parent's, unless it took it into the instruction.
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
"""Calls about one child that a strategy may make in one attempt."""


class Step(NamedTuple):
    """How one row is evolved: strategy and operation, the prompt, how its reply is read, if input stays.

    read takes the new instruction out of a reply, and raises methods.Unparsable. A strategy may ask more
    than once, and for more than one child: then gives the step that asks next, from the text of a reply
    that holds no child yet (and raises as read does); also holds further steps of the same row, each for
    a child of its own. steps: how many its row has. new_task: the child is another task than its parent.
    sample: which reply to its prompt is taken, from 0. keeps_answer: the parent's gold answer is the child's,
    too. needs_answer: the prompt shows the parent's answer; without one nothing can be asked.
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
"""From a row, how it is evolved."""


class RoundSource(NamedTuple):
    """What a round is evolved from. seed: the random seed. optimized: file of the method e*."""

    round: str
    seed: int
    optimized: Path


def earlier_turns(row: Instruction) -> list[dict[str, str]]:
    """Give the earlier turns of a row as prompts take them."""
    return [{"role": role, "content": content} for role, content in row.history]


def read_child(
    step: Step, reply: Reply, round: str, evolver: str, rules: Failures, gold: Sequence[str] = ()
) -> Instruction | Reject:
    """Read a reply: the child that it holds, without an output yet, or why it holds none.

    round: the child's. evolver: URI of who replied. gold: columns of `extra` that answer the parent alone. A
    reject has the parent's id.
    """
    parent = step.parent
    if reason := failures.reply_failure(reply):
        return Reject(parent.id, reason, reply.error or "", reply.kept)
    try:
        evolved, new = _parts(step.read(reply.text), step)
    except methods.Unparsable as error:
        return Reject(parent.id, "unparsable", str(error), reply.text)
    given = _kept_input(evolved, step) if new is None else new
    if failure := _failure(step, evolved, given, rules):
        return Reject(parent.id, *failure, reply.text)
    if (
        rules.lost_content
        and not step.new_task
        and (lost := elimination.lost_content(parent, evolved, given))
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


def _parts(text: str, step: Step) -> tuple[str, str | None]:
    """Cut an evolved text into instruction and new input; None if it has none.

    A label without an instruction before it is no part but an echo of the prompt; so is any label
    in a task that starts without an input.
    """
    if "#" not in text or not step.keeps_input:
        return text, None
    # The parent may be about such labels itself.
    own = len(_INPUT.findall(step.parent.instruction))
    label = next(iter(list(_INPUT.finditer(text))[own:]), None)
    head = text[: label.start()].strip() if label else ""
    if label is None or not head:
        return text, None
    if leading := _INSTRUCTION.match(head):
        head = head[leading.end() :].strip()
    new = text[label.end() :].strip()
    return head, None if _NO_INPUT.fullmatch(new) else new


def _failure(step: Step, evolved: str, given: str, rules: Failures) -> elimination.Failure | None:
    """Say why it is no evolution; unless the input just stays, by instruction and input as one text."""
    parent = step.parent
    if given == parent.input or not step.keeps_input:
        return elimination.evolution_failure(parent, evolved, rules)
    whole = parent._replace(instruction=f"{parent.instruction}\n\n{parent.input}".strip(), input="")
    return elimination.evolution_failure(whole, f"{evolved}\n\n{given}".strip(), rules)


def _kept_input(evolved: str, step: Step) -> str:
    """The parent's input, but nothing in a new task, nor what was taken in and would be said twice."""
    parent = step.parent
    if not step.keeps_input or not parent.input:
        return ""
    taken = parent.input.strip()
    if not taken or _count_apart(taken, evolved) <= _count_apart(taken, parent.instruction):
        return parent.input
    return ""


def _count_apart(part: str, text: str) -> int:
    """How often a part stands in a text that is neither in the midst of a word there nor overlaps itself."""
    count, end = 0, 0
    while (start := text.find(part, end)) >= 0:
        end = start + len(part)
        count += not (_is_of_word(text[start - 1 : start]) or _is_of_word(text[end : end + 1]))
    return count


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"
