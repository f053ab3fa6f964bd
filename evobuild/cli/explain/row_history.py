"""Read the history of one row from the tables; a reply that no table has comes from the reply cache.

No model is called. Prompts are rendered again from the files at hand. A missing table is reported, and its
part of the history is left out.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.autoif.records import ANSWERS, CONSTRAINTS
from evobuild.cli.explain import verification
from evobuild.cli.explain.explain_params import ExplainParams
from evobuild.cli.explain.verification import Constraint, Verification
from evobuild.core import sqlite_cache, tables
from evobuild.core.chat import Message, Reply, Request
from evobuild.core.errors import UserError
from evobuild.core.escaping import on_terminal
from evobuild.core.evolution_tables import CANDIDATES, FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS, KEPT, SEED_ROUND, Instruction, iterate_instructions
from evobuild.core.prompts import prompt_file
from evobuild.core.rejects import REJECTS, Reject
from evobuild.core.suggestions import did_you_mean
from evobuild.core.table_parts import EVERY_ID, IdRange
from evobuild.evolution import attempts, evolve, prompts_sent, strategies
from evobuild.evolution.declared_operations import operation_template
from evobuild.evolution.step import Step
from evobuild.models import reasoning, registry, reply_cache
from evobuild.reporting import outcomes
from evobuild.reporting.outcomes import RowOutcome

DATA = Path("data")
METHOD = DATA / "method.txt"
REPLIES_OF = DATA / "replies"
CANDIDATES_IN = DATA / "optimization/candidates.parquet"
HELD_OUT = DATA / "held_out.parquet"
SHOWN = 5
"""Ids listed for an ambiguous prefix."""
LEAST_ALIKE = 3
"""Shortest common prefix, in characters, of ids that are suggested for an unknown one."""


class Attempt(NamedTuple):
    """A failed attempt; number from 0."""

    number: int
    reason: str
    detail: str
    reply: str


class Origin(NamedTuple):
    """How a child was made.

    prompt: '' if its template or method is missing; source: their path, or what is missing.
    reply: None if neither its table nor the cache has it; place: where it was found. reasoning: the evolver's
    reasoning before the reply, '' if none.
    """

    prompt: str
    source: str
    failed: tuple[Attempt, ...]
    number: int | None
    reply: str | None
    place: str
    reasoning: str = ""


class HistoryEntry(NamedTuple):
    """A row of the lineage. origin: None for a seed row and in a branch; outcome: None for a held-out row.

    verification: set only for a row of a branch.
    """

    row: Instruction
    origin: Origin | None
    outcome: RowOutcome | None
    verification: Verification | None


class Descendants(NamedTuple):
    """The row's children in a later round, or the failed attempts if it has none."""

    round: str
    children: tuple[str, ...]
    failed: tuple[Attempt, ...]


class RowHistory(NamedTuple):
    """A row with its ancestors, the seed row first, and its descendants.

    lost: the reject, if the stage `seed` rejected it. constraint: set if the id is that of a branch's
    constraint, not of a row. In both cases `chapters` is empty.
    """

    id: str
    chapters: tuple[HistoryEntry, ...]
    sequels: tuple[Descendants, ...]
    lost: Reject | None
    constraint: Constraint | None
    missing: tuple[Path, ...]


def read_history(beginning: str, params: ExplainParams) -> RowHistory:
    """Read the history of the row whose id has this prefix; the id of a failed attempt gives its parent.

    Raises UserError if the prefix matches no id or several, or if an ancestor's table is missing;
    BadInput if a table is malformed.
    """
    return _Reader(params, outcomes.Tables()).read_row(beginning.strip().partition("-")[0])


def draw_row_id(params: ExplainParams, seed: int | None) -> str:
    """Sample the id of a row from all rounds and branches.

    Args:
        seed: the same seed gives the same row; None: a different one each time.

    Raises UserError if no round has a row.
    """
    return _Reader(params, outcomes.Tables()).draw_row_id(seed)


def _id_prefix_range(text: str) -> IdRange:
    """Return the range of ids with this prefix, so that a large table is read only where it can match."""
    return IdRange(text, text + chr(sys.maxunicode))


def _single_id_range(key: str) -> IdRange:
    """Return the range that has only this id."""
    return IdRange(key, key + "\0")


class _Reader:
    """Reads the tables that exist, and records those that are missing."""

    def __init__(self, params: ExplainParams, where: outcomes.Tables) -> None:
        self._params = params
        self._where = where
        self._missing: dict[Path, None] = {}

    def _read_table(
        self, path: Path, schema: pl.Schema, *, where: pl.Expr | None = None, span: IdRange = EVERY_ID
    ) -> pl.DataFrame:
        if path.exists():
            return tables.read(path, schema, span=span, where=where)
        self._missing[path] = None
        return schema.to_frame()

    def read_row(self, beginning: str) -> RowHistory:
        found = dict(self._find_rows(beginning))
        if len(found) != 1:
            raise self._explain_unclear_id(beginning, list(found))
        ((key, what),) = found.items()
        if isinstance(what, Reject):
            return RowHistory(key, (), (), what, None, tuple(self._missing))
        if isinstance(what, str):
            constraint = verification.read_constraint(key, what, self._read_table)
            return RowHistory(key, (), (), None, constraint, tuple(self._missing))
        row, held_out = what
        line = list(self._iterate_ancestors(row))
        outcome = {} if held_out else {each.id: self._read_outcome(each) for each in reversed(line)}
        chapters = [
            self._build_entry(each, parent, outcome.get(each.id))
            for parent, each in zip([None, *line], line, strict=False)
        ]
        sequels = () if held_out else tuple(self._find_descendants(row))
        return RowHistory(key, tuple(chapters), sequels, None, None, tuple(self._missing))

    def _build_entry(
        self, row: Instruction, parent: Instruction | None, outcome: RowOutcome | None
    ) -> HistoryEntry:
        if row.round in self._params.branches:
            count = self._params.autoif.sample.count
            known = verification.read_verification(row, row.round, count, self._read_table)
            return HistoryEntry(
                row, None, outcome and outcome._replace(losses=known.losses + outcome.losses), known
            )
        return HistoryEntry(row, self._read_origin(row, parent) if parent else None, outcome, None)

    def _read_outcome(self, row: Instruction) -> RowOutcome:
        # Tables of other pools have no rows of this one: skip reading them.
        pools = {name: pool for name, pool in self._params.pools.items() if name == row.round}
        params = self._params.model_copy(update={"pools": pools})
        found = outcomes.row_outcomes([row.id], params, self._where, self._read_table)[row.id]
        if not any(path.parent == self._where.contamination for path in self._missing):
            return found
        # Without a set's table, whether the row shares text with it is unknown.
        return found._replace(overlaps=found.overlaps or None)

    def _find_rows(self, text: str) -> Iterator[tuple[str, tuple[Instruction, bool] | Reject | str]]:
        """Yield rows, held-out rows, rejected seed rows and constraints whose id is in the prefix's range."""
        begins = _id_prefix_range(text)
        names = [SEED_ROUND, *self._params.rounds]
        for path, held_out in [*((self._round_path(name), False) for name in names), (HELD_OUT, True)]:
            for row in iterate_instructions(self._read_table(path, INSTRUCTIONS, span=begins)):
                yield row.id, (row, held_out)
        for name in self._params.branches:
            yield from self._find_branch_rows(name, begins)
        rejects = self._read_table(self._where.rejects / "seed.parquet", REJECTS, span=begins)
        for values in rejects.iter_rows():
            yield values[0], Reject._make(values)

    def _find_branch_rows(
        self, name: str, begins: IdRange
    ) -> Iterator[tuple[str, tuple[Instruction, bool] | str]]:
        """Yield a branch's rows, rejected ones included, by their id or an answer's; then its constraints."""
        answered = self._read_table(verification.branch_table_path(name, "answers"), ANSWERS, span=begins)[
            "row"
        ].to_list()
        either = begins.holds() | pl.col("id").is_in(answered)
        for row in iterate_instructions(
            self._read_table(verification.branch_table_path(name, "rows"), INSTRUCTIONS, where=either)
        ):
            yield row.id, (row, False)
        for key in self._read_table(
            verification.branch_table_path(name, "constraints"), CONSTRAINTS, span=begins
        )["id"]:
            yield key, name

    def _round_path(self, name: str) -> Path:
        return self._where.rounds / f"{name}.parquet"

    def _explain_unclear_id(self, beginning: str, found: list[str]) -> UserError:
        shown = on_terminal(beginning[:40])
        if found:
            some = ", ".join(found[:SHOWN]) + (" …" if len(found) > SHOWN else "")
            return UserError(f"'{shown}' begins {len(found)} ids, expected one: {some}")
        near = self._find_nearest_ids(beginning[:40])
        hint = f"; {did_you_mean(near)}" if near else ""
        if self._missing:
            first, *rest = map(str, self._missing)
            more = f" and {len(rest)} more tables" if rest else ""
            hint += f"; {first}{more} are not here: run evobuild pull or evobuild repro"
        hint = hint or "; list some with: evobuild explain --random"
        return UserError(f"unknown row '{shown}' in {', '.join(self._list_names())}{hint}")

    def _list_names(self) -> list[str]:
        return [SEED_ROUND, *self._params.rounds, *self._params.branches]

    def _read_ids(self, span: IdRange = EVERY_ID) -> pl.Series:
        """Read the ids in a range from all rounds and branches, sorted."""
        paths = [self._round_path(name) for name in self._list_names()]
        self._missing |= {path: None for path in paths if not path.exists()}
        found = [tables.read(path, INSTRUCTIONS, ["id"], span) for path in paths if path.exists()]
        return pl.concat([pl.Series("id", [], pl.String), *(each["id"] for each in found)]).sort()

    def _find_nearest_ids(self, text: str) -> list[str]:
        """Find some ids with the longest common prefix, of at least LEAST_ALIKE characters."""
        ids = self._read_ids(_id_prefix_range(text[:LEAST_ALIKE]))
        for length in range(len(text) - 1, LEAST_ALIKE - 1, -1):
            found = ids.filter(ids.str.starts_with(text[:length]))
            if found.len():
                return found.head(SHOWN).to_list()
        return []

    def draw_row_id(self, seed: int | None) -> str:
        """Sample an id. Raises UserError if no round has a row."""
        ids = self._read_ids()
        if not ids.len():
            raise UserError(f"there is no row of {', '.join(self._list_names())} yet: run evobuild repro")
        return str(ids[random.Random(seed).randrange(ids.len())])

    def _iterate_ancestors(self, row: Instruction) -> Iterator[Instruction]:
        """Yield the row's ancestors, the seed row first, then the row."""
        if row.parent_id:
            round_ = self._params.rounds.get(row.round)
            path = self._round_path(round_.parent if round_ else SEED_ROUND)
            parents = self._read_table(path, INSTRUCTIONS, span=_single_id_range(row.parent_id))
            if not parents.height:
                raise UserError(
                    f"{path}: {'has no row' if path.exists() else 'is not here, nor the row'} "
                    f"'{row.parent_id}', the parent of {row.id}: run dvc pull or dvc repro"
                )
            yield from self._iterate_ancestors(next(iterate_instructions(parents)))
        yield row

    def _read_failures(self, name: str, parent: str) -> tuple[str, tuple[Attempt, ...]]:
        """Read the operation and the failed attempts of a round for a parent."""
        path = self._where.failures / f"{name}.parquet"
        table = self._read_table(path, FAILURES, where=pl.col("row") == parent)
        found = table.sort("attempt").select("operation", "attempt", "reason", "detail", "reply").rows()
        return (found[0][0] if found else ""), tuple(Attempt(*values[1:]) for values in found)

    def _read_origin(self, row: Instruction, parent: Instruction) -> Origin:
        operation, failed = self._read_failures(row.round, parent.id)
        if row.operation != KEPT:
            operation = row.operation
        path = REPLIES_OF / f"{row.round}.parquet"
        is_child = row.operation != KEPT
        kept = self._read_table(path, REPLIES, span=_single_id_range(row.id)) if is_child else pl.DataFrame()
        number = kept["attempt"][0] if kept.height else len(failed)
        step, source = self._find_step(row, parent, operation, number)
        prompt = step.prompt if step else ""
        if not is_child:
            return Origin(prompt, source, failed, None, None, "")
        if kept.height:
            reply, thought = kept.select("reply", "reasoning").row(0)
            return Origin(prompt, source, failed, number, reply, str(path), thought)
        stored = self._find_stored_reply(row, step, number) if step else None
        found = (stored.text, "the reply cache", stored.reasoning) if stored else (None, "", "")
        return Origin(prompt, source, failed, number, *found)

    def _find_step(
        self, row: Instruction, parent: Instruction, operation: str, number: int
    ) -> tuple[Step | None, str]:
        """Find the step whose reply is the row, and the file of its prompt; None, and what is missing."""
        known = prompts_sent.collect_plans(self._iterate_methods())
        first = prompts_sent.build_first_step(operation, parent, known)
        place = str(prompt_file(operation_template(operation)))
        if first and first.needs_answer:
            parent = self._read_answer(parent)
            first = prompts_sent.build_first_step(operation, parent, known)
        if first and first.then and (step := self._find_last_step(row, first, number)):
            return step, place
        return prompts_sent.render_step(operation, parent, known, has_answer=True)

    def _read_answer(self, row: Instruction) -> Instruction:
        """Read the row with the answer that it got in its pool, without one if that table lacks it."""
        path = self._where.responses / f"{row.round}.parquet"
        found = self._read_table(path, INSTRUCTIONS, span=_single_id_range(row.id))
        return next(iterate_instructions(found), row._replace(output=""))

    def _find_last_step(self, row: Instruction, first: Step, number: int) -> Step | None:
        """Find the step whose reply is the row, by the cached replies of those before it."""
        for step in (first, *first.also):
            while (reply := self._find_stored_reply(row, step, number)) and step.then:
                step = step.then(reply.text)
            if reply and row.instruction in reply.text:
                return step
        return None

    def _iterate_methods(self) -> Iterator[tuple[str, str]]:
        """Yield every method that may have been used, with the path of its text."""
        given = self._params.evolve
        files = METHOD, Path(given.file), *map(Path, strategies.method_files(given))
        yield from prompts_sent.collect_methods(*files)
        if CANDIDATES_IN.exists():
            table = tables.read(CANDIDATES_IN, CANDIDATES)
            for key, method in table.select("id", "method").iter_rows():
                yield f"{CANDIDATES_IN}, candidate {key}", method

    def _find_stored_reply(self, row: Instruction, step: Step, number: int) -> Reply | None:
        """Look up the reply to a step in the cache by its request."""
        file, evolver = sqlite_cache.replies_file(), self._params.models.evolver
        if not file.exists() or str(evolver) != row.evolver:
            return None
        sampling = evolve.evolver_sampling(self._params.evolve, self._params.random_seed, number)
        sampling = attempts.reseed_sampling(sampling, step.sample)
        with reply_cache.ReplyCache(file, registry.engine_identity(evolver)) as opened:
            key = opened.key(Request("", "evolve", (Message("user", step.prompt),), sampling))
            reply = opened.get_replies([key]).get(key)
        return reasoning.with_answer_alone(reply) if reply else None

    def _find_descendants(self, row: Instruction) -> Iterator[Descendants]:
        below = pl.col("parent_id") == row.id
        for name, round_ in self._params.rounds.items():
            if round_.parent == row.round:
                children = self._read_table(self._round_path(name), INSTRUCTIONS, where=below)["id"]
                _, failed = self._read_failures(name, row.id)
                yield Descendants(name, tuple(children), failed)
        for name in self._params.branches if row.round == SEED_ROUND else ():
            composed = self._read_table(
                verification.branch_table_path(name, "rows"), INSTRUCTIONS, where=below
            )
            if composed.height:
                yield Descendants(name, tuple(composed["id"]), ())
