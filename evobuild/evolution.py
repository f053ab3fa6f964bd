"""One round of evolution: what the evolver is asked for each parent, and what its reply becomes.

Two strategies: `evol`, the fixed operations of Evol-Instruct in turn (`operations`); `auto`, one
evolving method for all rows (arXiv:2406.00770). The evolver sees the conversation and the input too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from evobuild import failures, methods
from evobuild.models.door import Model
from evobuild.models.request import Message, Reply, Request, Sampling
from evobuild.tables import Instruction, Reject, content_id, row_id


class Step(NamedTuple):
    """How one row is evolved: the operation's name, the prompt, how its reply is read, if input stays."""

    operation: str
    prompt: str
    read: Callable[[str], str | None]
    keeps_input: bool


Plan = Callable[[int, Instruction], Step]
"""From a row's place in its table and the row, how it is evolved."""


def by_method(method: str) -> Plan:
    """Evolve every row with one method."""
    name = f"method-{methods.digest(method)}"
    return lambda place, row: Step(name, methods.fill(method, row), methods.read_evolved, True)


def evolve(
    parents: Iterable[Instruction], plan: Plan, round: str, model: Model, sampling: Sampling
) -> Iterator[Instruction | Reject]:
    """Evolve each parent once; every parent gives one child or one reject, in any order.

    The child has no output yet. A reject has the parent's id.
    """
    asked: dict[str, tuple[Instruction, Step]] = {}

    def requests() -> Iterator[Request]:
        for place, parent in enumerate(parents):
            step = plan(place, parent)
            asked[parent.id] = parent, step
            yield Request(parent.id, "evolve", (Message("user", step.prompt),), sampling)

    for reply in model.generate(requests()):
        parent, step = asked.pop(reply.key)
        yield child(parent, step, reply, round, str(model.model))


def child(parent: Instruction, step: Step, reply: Reply, round: str, model: str) -> Instruction | Reject:
    """Read a reply: the child that it holds, or why it holds none."""
    evolved = None if failures.of_reply(reply) else step.read(reply.text)
    reason = failures.of_reply(reply) or ("unparsable" if evolved is None else _failure(parent, evolved))
    if reason or evolved is None:
        return Reject(parent.id, reason or "unparsable", reply.error or step.operation, reply.text)
    given = parent.input if step.keeps_input and not _takes_in(parent, evolved) else ""
    content = content_id(parent.history, evolved, given)
    return parent._replace(
        id=row_id(round, parent.id, content),
        content_id=content,
        parent_id=parent.id,
        round=round,
        instruction=evolved,
        input=given,
        output="",
        operation=step.operation,
        model=model,
    )


def _failure(parent: Instruction, evolved: str) -> str | None:
    """Name why a text is no evolution of its parent; the parent with its input is none either."""
    whole = f"{parent.instruction} {parent.input}"
    return failures.of_evolution(parent.instruction, evolved) or failures.of_evolution(whole, evolved)


def _takes_in(parent: Instruction, evolved: str) -> bool:
    """Whether the input was taken into the instruction, as whole words; then it is not said twice."""
    found = re.compile(rf"(?<!\w){re.escape(parent.input.strip())}(?!\w)")
    return len(found.findall(evolved)) > len(found.findall(parent.instruction))
