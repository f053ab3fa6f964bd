"""Reconstruct the calls about a row: prompts, rendered again from the row, and replies.

The evolver's replies have their own table. A judge's replies are stored only if they could not be parsed. No
model is called and no reply cache is opened, so equal tables give equal calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.answering.params import Respond
from evobuild.answering.response_prompt import response_template
from evobuild.core import tables
from evobuild.core.conversation import chat_messages
from evobuild.core.draws import read_rows
from evobuild.core.evolution_tables import REPLIES
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import prompt_file
from evobuild.core.rejects import REJECTS
from evobuild.evolution import prompts_sent, strategies
from evobuild.evolution.params import INITIAL_METHODS
from evobuild.reporting.outcomes import RowOutcome, Tables
from evobuild.reporting.params import ReportParams
from evobuild.scoring import rating_prompts


class CallParams(ReportParams):
    """What report and explorer read, and what calls are rendered from."""

    respond: Respond

    def templates(self) -> tuple[str, ...]:
        judging = rating_prompts.rating_templates(self.rate.measures, self.rate.score_prompt).values()
        evolving = strategies.strategy_templates(self.evolve)
        return (*evolving, response_template(self.respond.prompt), *judging)

    def named_files(self) -> tuple[str, ...]:
        return strategies.method_files(self.evolve)


LEAST = 16
"""Shortest text of a row, in characters, that is replaced by its number within a prompt or reply."""


class Call(NamedTuple):
    """One call. source: what its prompt is rendered from, or, where the prompt is '', what that lacks.

    thought: what the model thought before its reply, '' if nothing. reply: None if no table has it.
    """

    role: str
    model: str
    source: str
    prompt: str
    thought: str
    reply: str | None


class CallReader:
    """Gives the calls of some rows. Holds their evolvers' replies, and the judge's that could not be read."""

    def __init__(self, params: CallParams, where: Tables, ids: Iterable[str]) -> None:
        """Raises BadInput if a table is missing or not as it should be. ids: of the rows."""
        self._params, self._responses = params, where.responses
        self._known = _build_known_plans(params, where.method)
        self._template = response_template(params.respond.prompt)
        ours = pl.col("id").is_in(pl.Series(list(ids), dtype=pl.String).implode())
        evolved = [
            tables.read(where.replies / f"{name}.parquet", REPLIES, where=ours) for name in params.rounds
        ]
        self._replies = _Kept(evolved, "id", "reply", "reasoning")
        judged = params.pools if params.rate.measures else ()
        unread = [tables.read(where.unread / f"{pool}.parquet", REJECTS, where=ours) for pool in judged]
        self._unread = _Kept(unread, "id", "detail", "reply")

    def of_row(self, row: Instruction, parent: Instruction | None, outcome: RowOutcome) -> Iterator[Call]:
        """Give the calls of a row, in the order of the stages. parent: of an evolved row."""
        if parent is not None and prompts_sent.is_evolved(row):
            reply, thought = self._replies.get(row.id) or (None, "")
            call = self._evolving(row.operation, row.evolver, parent)
            yield call._replace(thought=thought or "", reply=reply)
        lost = next((loss for loss in outcome.losses if loss.stage == "respond"), None)
        if outcome.responder or lost:
            model = outcome.responder or str(self._params.models.responder)
            reply = lost.reply if lost else outcome.answer
            yield Call("responder", model, *self._responding(row), outcome.reasoning, reply)
        if row.round in self._params.pools:
            yield from self._judging(row)

    def of_attempt(self, operation: str, parent: Instruction) -> Iterator[Call]:
        """Give the call of a failed attempt, whose reply is what is shown of it."""
        yield self._evolving(operation, str(self._params.models.evolver), parent)

    def _evolving(self, operation: str, evolver: str, parent: Instruction) -> Call:
        first = prompts_sent.build_first_step(operation, parent, self._known)
        if first and first.needs_answer:
            path = self._responses / f"{parent.round}.parquet"
            answered = read_rows(path, [parent.id]) if path.exists() else iter(())
            parent = next(answered, parent._replace(output=""))
        step, source = prompts_sent.render_step(operation, parent, self._known, has_answer=True)
        return Call("evolver", evolver, source, step.prompt if step else "", "", None)

    def _responding(self, row: Instruction) -> tuple[str, str]:
        turns = chat_messages(row, self._template)
        return str(prompt_file(self._template)), turns[-1].content

    def _judging(self, row: Instruction) -> Iterator[Call]:
        measure, reply = self._unread.get(row.id) or ("", "")
        given = self._params.rate
        for kind, template, prompt in rating_prompts.render_rating_prompts(
            row, given.measures, given.score_prompt
        ):
            kept = reply if kind == f"rate_{measure}" else None
            yield Call("judge", str(self._params.models.judge), str(prompt_file(template)), prompt, "", kept)


def _build_known_plans(params: CallParams, method: Path) -> prompts_sent.KnownPlans:
    """How the operations ask that the strategy reads the texts of; no other prompt is rendered."""
    templates = strategies.strategy_templates(params.evolve)
    files = [method, *map(Path, strategies.method_files(params.evolve))]
    initial = [name for name in INITIAL_METHODS if f"evolve/{name}.jinja" in templates]
    found = prompts_sent.collect_plans(prompts_sent.collect_methods(*files, initial=initial))
    places = {*map(str, files), *(str(prompt_file(prompt)) for prompt in templates)}
    return {name: (plan, place) for name, (plan, place) in found.items() if place in places}


class _Kept:
    """Some columns of tables by id; the texts stay in the tables until they are asked for."""

    def __init__(self, found: Sequence[pl.DataFrame], key: str, *columns: str) -> None:
        self._table = pl.concat([each.select(key, *columns) for each in found]) if found else pl.DataFrame()
        self._places = {each: place for place, each in enumerate(self._table[key])} if found else {}

    def get(self, key: str) -> tuple[str, ...]:
        """The columns of an id, () if it is in no table."""
        place = self._places.get(key)
        return () if place is None else self._table.row(place)[1:]


class Pieces:
    """Calls in few words: each piece of a text once, and in place of a text of the row its number."""

    def __init__(self) -> None:
        self.pieces: dict[str, int] = {}

    def numbers(self, text: str, known: Sequence[str]) -> list[int]:
        """Cut a text: numbers below len(known) are texts that are known, each other one a piece."""
        found: list[str | int] = [text]
        for number, part in sorted(enumerate(known), key=lambda each: -len(each[1])):
            if len(part) >= LEAST and part in text:
                found = [
                    each
                    for piece in found
                    for each in (_cut(piece, part, number) if isinstance(piece, str) else (piece,))
                ]
        return [
            each if isinstance(each, int) else len(known) + self.pieces.setdefault(each, len(self.pieces))
            for each in found
            if each != ""
        ]


def _cut(text: str, part: str, number: int) -> Iterator[str | int]:
    """The text with a number in place of a part of it."""
    for place, piece in enumerate(text.split(part)):
        if place:
            yield number
        yield piece
