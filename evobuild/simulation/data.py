"""Structured input that the simulated evolver makes up for complicate_input: tables, CSV, JSON, logs.

It holds the content words of the instruction and numbers, so that it is in the language of either.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from evobuild.simulation.dice import Dice
from evobuild.simulation.languages import BANKS
from evobuild.simulation.subject import Subject

_LEAST_ROWS = 3
_MORE_ROWS = 4

Row = tuple[str, int, int]
"""A name, a number below 1,000 and one below 100."""


def extended(context: str, subject: Subject, dice: Dice) -> str:
    """Give an input with structured data: what there is stays, and the data comes below it."""
    bank = BANKS.get(subject.language)
    names = bank.topics if bank else subject.words
    rows = [
        (f"{dice.pick(names)} {number}", 10 + dice.below(990), 1 + dice.below(99))
        for number in range(1, _LEAST_ROWS + 1 + dice.below(_MORE_ROWS))
    ]
    # Keys are English words, which would not do in another language.
    data = dice.pick(_PLAIN if bank else _PLAIN + _NAMED)(rows)
    return f"{context}\n\n{data}" if context else data


def _table(rows: list[Row]) -> str:
    return "\n".join(["| # | 1 | 2 |", "|---|---|---|", *("| {} | {} | {} |".format(*row) for row in rows)])


def _separated(rows: list[Row]) -> str:
    return "\n".join("{};{};{}".format(*row) for row in rows)


def _as_json(rows: list[Row]) -> str:
    return json.dumps([dict(zip(("name", "count", "share"), row, strict=True)) for row in rows], indent=1)


def _log(rows: list[Row]) -> str:
    return "\n".join(f"08:{minute % 60:02d} {name} count={count}" for name, count, minute in rows)


_PLAIN: tuple[Callable[[list[Row]], str], ...] = (_table, _separated)
_NAMED: tuple[Callable[[list[Row]], str], ...] = (_as_json, _log)
