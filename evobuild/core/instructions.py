"""Instructions: the rows of a round, of a pool and of the data set, as a table and one by one.

An instruction table has one row per instruction:
  id           hash of round, parent id and content: equal children of two parents stay two rows
  content_id   hash of history, instruction and input: what deduplication compares
  seed_id      id of the r0 row that it descends from; its own, of an r0 row and where there is none: of
               autoif, if its query is of a file
  parent_id    id of the row that it was evolved from, of autoif of the query; '' where seed_id is its own
  round        r0, r1, …
  domain       chat, math, code, … as the seed says
  history      earlier turns, [{role, content}], often empty
  instruction, input, output; of autoif the instruction is a constraint, and the input the query
  strategy     how it was made: evol, by a fixed operation; auto, by an evolving method; autoif, of a query
               and a constraint; '' in r0. Of a row kept as its parent is, how a child was tried for
  operation    what made it, within the strategy: a fixed operation, method-<hash> or autoif-<constraint>;
               'kept' if it is its parent, unevolved; '' in r0
  evolver      URI of the model that wrote the instruction, or its constraint; '' if the seed has it
  responder    URI of the model that wrote the output; '' if the seed has it, or nobody answered yet
  seed_place   place of the seed row that it descends from in its source, of autoif of the query in its
               file; from 0, lost rows counted
  reasoning    what the responder thought before the output; '' if nothing, or nobody answered
  extra        the other columns of its seed row in the source, a JSON object as text; '' without any.
               A gold answer among them is the seed row's, not that of a row evolved from it
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core import tables

Turn = tuple[str, str]


class Instruction(NamedTuple):
    """A row of an instruction table; history as (role, content) pairs."""

    id: str
    content_id: str
    seed_id: str
    parent_id: str
    round: str
    domain: str
    history: tuple[Turn, ...]
    instruction: str
    input: str
    output: str
    strategy: str = ""
    operation: str = ""
    evolver: str = ""
    responder: str = ""
    seed_place: int = 0
    reasoning: str = ""
    extra: str = ""


class PreferencePair(NamedTuple):
    """A row with its own answer, and a worse one."""

    row: Instruction
    rejected: str


_HISTORY = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
INSTRUCTIONS = pl.Schema(
    dict.fromkeys(Instruction._fields, pl.String) | {"history": _HISTORY, "seed_place": pl.Int64}
)
PREFERENCES = pl.Schema({**INSTRUCTIONS, "rejected": pl.String()})
"""Rows with a worse answer beside their own."""
SEED_ROUND = "r0"

EVOL = "evol"
AUTO = "auto"
AUTOIF = "autoif"
"""The strategies, as the column has them."""

KEPT = "kept"
"""The operation of a row that is its parent, unevolved."""


def content_id(history: Sequence[Turn], instruction: str, input: str) -> str:
    """Hash what a model is asked: 20 hex digits."""
    return _digest(repr((tuple(history), instruction, input)))


def row_id(round: str, parent_id: str, content: str) -> str:
    """Hash the position of a row: 20 hex digits."""
    return _digest(f"{round}\n{parent_id}\n{content}")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def iterate_instructions(rows: pl.DataFrame) -> Iterator[Instruction]:
    """Go through an instruction table row by row."""
    for values in rows.select(Instruction._fields).iter_rows():
        row = Instruction._make(values)
        turns = tuple((turn["role"], turn["content"]) for turn in values[6])
        yield row._replace(history=turns) if turns else row._replace(history=())


def preference_pairs(rows: pl.DataFrame) -> Iterator[PreferencePair]:
    """Go through a table of PREFERENCES row by row."""
    return map(PreferencePair, iterate_instructions(rows), rows["rejected"])


def stream_instructions(path: Path, chunk: int = 16_384) -> tuple[int, Iterator[Instruction]]:
    """Count the rows of an instruction table, and iterate over them with some at a time in memory.

    Raises BadInput as `tables.read` does.
    """
    parts = tables.batches(path, INSTRUCTIONS, rows=chunk)
    return tables.height(path, INSTRUCTIONS), (row for part in parts for row in iterate_instructions(part))
