"""What an evolver was asked for a child, rendered again from its parent and the name of its operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from evobuild.core.errors import BadInput
from evobuild.core.tables import SEED_ROUND, Instruction
from evobuild.evolution import methods, operations
from evobuild.evolution.step import Plan, Step, by_method, method_operation

Plans = Mapping[str, tuple[Plan, str]]
"""From an operation's name to how it asks, and the place of its text."""


def plans(texts: Iterable[tuple[str, str]]) -> Plans:
    """How each fixed operation asks, and each of some methods, given as place and text; the first counts."""
    found: dict[str, tuple[Plan, str]] = {}
    for name, prompt in operations.OPERATIONS.items():
        found[name] = operations.in_turn({operations.DEFAULT: [name]}, SEED_ROUND), f"prompts/{prompt}"
    for place, method in texts:
        found.setdefault(method_operation(method), (by_method(method), place))
    return found


def method_texts(*files: Path) -> Iterator[tuple[str, str]]:
    """Methods that may have been used, by place and text: those of some files, if they hold one, e0, weak."""
    for path in files:
        # What is no method was not used.
        with suppress(BadInput):
            if path.exists():
                yield str(path), methods.of_file(path)
    yield "prompts/evolve/e0.jinja", methods.initial("e0")
    yield "prompts/evolve/weak.jinja", methods.initial("weak")


def step(operation: str, parent: Instruction, known: Plans) -> tuple[Step | None, str]:
    """What the evolver was asked, and of what it is rendered; None if that is not here."""
    if operation not in known:
        return None, f"the text of {operation or 'its method'} is not here"
    plan, place = known[operation]
    return plan(0, parent), place
