"""Tables: Parquet with a fixed schema, rows sorted by id, the same bytes for the same rows.

A large one is a folder of parts at the same path (`table_parts`); whoever reads a table need not know.

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
  extra        the other columns of its seed row in the source, a JSON object as text; '' if there are none.
               A gold answer among them is the seed row's, not that of a row evolved from it
Rejects have id, reason, detail and the raw reply.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core.errors import BadInput, NothingLeft
from evobuild.core.measures import EMBEDDING, measure_of
from evobuild.core.reasons import MEANINGS, commonest_reasons
from evobuild.core.table_parts import EVERY_ID, Span, part_files
from evobuild.core.table_writer import Columns as Columns
from evobuild.core.table_writer import TableWriter
from evobuild.core.table_writer import write as write
from evobuild.core.text_files import special_kind
from evobuild.process.terminal import log

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


class Reject(NamedTuple):
    """A row that a stage lost: why, in a word or two that can be counted, in detail, and on what reply."""

    id: str
    reason: str
    detail: str
    reply: str


_HISTORY = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
INSTRUCTIONS = pl.Schema(
    dict.fromkeys(Instruction._fields, pl.String) | {"history": _HISTORY, "seed_place": pl.Int64}
)
PREFERENCES = pl.Schema({**INSTRUCTIONS, "rejected": pl.String()})
"""Rows with a worse answer beside their own."""
REJECTS = pl.Schema(dict.fromkeys(Reject._fields, pl.String))
RATINGS = measure_of("rate").schema
SCORES = measure_of("score").schema
DIVERSITY = measure_of("diversity").schema
REWARDS = measure_of("reward").schema
TAGS = measure_of("tag").schema
EMBEDDINGS = EMBEDDING.schema
FAILURES = pl.Schema(
    {
        "id": pl.String(),
        "row": pl.String(),
        "attempt": pl.Int64(),
        "strategy": pl.String(),
        "operation": pl.String(),
        "domain": pl.String(),
        "reason": pl.String(),
        "detail": pl.String(),
        "reply": pl.String(),
        "top_probability": pl.List(pl.Float32),
    }
)
"""Every failed attempt at an evolution, also of rows that were not lost. row: id of the parent.

strategy, operation: of the child that was tried for.
"""
REPLIES = pl.Schema(
    {
        "id": pl.String(),
        "attempt": pl.Int64(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "reply": pl.String(),
        "top_probability": pl.List(pl.Float32),
        "reasoning": pl.String(),
    }
)
"""What the evolver wrote, whole, by the id of the child that came of it. reasoning: what it thought before
its reply, '' if nothing; completion_tokens and top_probability count that in."""
CANDIDATES = pl.Schema(
    {
        "id": pl.String,
        "step": pl.Int64,
        "candidate": pl.Int64,
        "failure_rate": pl.Float64,
        "objective": pl.Float64,
        "difficulty_gain": pl.Float64,
        "rated": pl.Int64,
        "holdout_rate": pl.Float64,
        "rows": pl.Int64,
        "judged": pl.Int64,
        "failures": pl.String,
        "words": pl.Int64,
        "chosen": pl.Boolean,
        "best": pl.Boolean,
        "reason": pl.String,
        "feedback": pl.String,
        "method": pl.String,
    }
)
"""Evolving methods that were evaluated. rows: of the development set, evolved by it; failure_rate is over
`judged` of these, all that a reply came for, and `rated` have a known gain.

chosen: it became e(t). best: it is e*. reason: why the optimizer's replies held no method, else ''.
"""
TRAJECTORIES = pl.Schema(
    {
        "id": pl.String(),
        "step": pl.Int64(),
        "case": pl.Int64(),
        "row": pl.String(),
        "stages": pl.List(pl.String),
        "verdicts": pl.List(pl.String),
    }
)
"""Rows of the mini-batches. stages: the row, then what each round made of it; verdicts: of each round
why it failed, null if it did not."""
CANDIDATE_FAILURES = pl.Schema(
    {
        "id": pl.String,
        "step": pl.Int64,
        "candidate": pl.Int64,
        "among": pl.String,
        "row": pl.String,
        "stage": pl.String,
        "reason": pl.String,
        "detail": pl.String,
        "instruction": pl.String,
        "reply": pl.String,
    }
)
"""Rows that a candidate failed on, and, with the reason NOT_JUDGED, those that no reply came for.
among: development or holdout. stage: evolve or respond. instruction: what was to be evolved or answered."""
NOT_JUDGED = "not judged"
CONTAMINATION = pl.Schema(
    dict.fromkeys(("id", "row", "pool", "set", "place", "measure", "overlap", "evaluation"), pl.String)
)
"""Text that rows share with an evaluation set, at most one hit a row and measure. place, evaluation: where
the evaluation row stands in its file, and its text. overlap: what is shared, normalised."""
EVALUATION = pl.Schema(
    {
        "id": pl.String(),
        "model": pl.String(),
        "benchmark": pl.String(),
        "item": pl.String(),
        "group": pl.String(),
        "part": pl.Int64(),
        "prompt": pl.String(),
        "reply": pl.String(),
        "score": pl.Float64(),
        "checks": pl.List(pl.Struct({"name": pl.String, "value": pl.Float64})),
        "judgment": pl.String(),
    }
)
"""Replies of a model to benchmarks. item: its id in its benchmark. part: its turn, or its sample, from 1.
prompt: what was asked last. score: null if it is unknown. checks: verdicts by name, 1 passed, 0 failed, or
what was measured; null is unknown. judgment: the judge's reply, if there is a judge."""
COMPARISONS = pl.Schema(
    {
        "id": pl.String,
        "benchmark": pl.String,
        "item": pl.String,
        "part": pl.Int64,
        "a": pl.String,
        "b": pl.String,
        "verdict": pl.String,
        "consistent": pl.Boolean,
        "first": pl.String,
        "second": pl.String,
    }
)
"""Answers of models a and b that a judge saw side by side. verdict: win, tie or lose of a; null if the judge
could not be read. consistent: whether it said the same in both orders. first, second: its replies to them."""

LEVELS = ("very easy", "easy", "medium", "hard", "very hard")
"""Levels of difficulty."""

CONTENT = ("code", "tables", "figures")
"""What a child may lack of its parent's."""

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
    """Hash where a row stands: 20 hex digits."""
    return _digest(f"{round}\n{parent_id}\n{content}")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def read(
    path: Path,
    schema: pl.Schema,
    columns: Sequence[str] | None = None,
    span: Span = EVERY_ID,
    where: pl.Expr | None = None,
) -> pl.DataFrame:
    """Read a table, or some columns of it, and hold it against the schema it should have.

    span: the ids to read; files of a large table that hold none of them are not opened. where: which rows;
    of all others nothing stays in memory.

    Raises BadInput if it is no Parquet file or lacks a column or has one of another type.
    """
    rows = scan(path, schema, None, span)
    if where is not None:
        rows = rows.filter(where)
    return collect(path, rows if columns is None else rows.select(columns))


def scan(
    path: Path, schema: pl.Schema, columns: Sequence[str] | None = None, span: Span = EVERY_ID
) -> pl.LazyFrame:
    """As `read`, but nothing is read yet but the schema; `collect` reads it."""
    if kind_ := special_kind(path):
        raise BadInput(f"{path}: {kind_}; expected a Parquet table")
    if not (files := part_files(path, span)):
        rows = schema.to_frame().lazy()
        return rows if columns is None else rows.select(columns)
    try:
        rows = pl.scan_parquet(files, glob=False, hive_partitioning=False)
        found = rows.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from error
    for name, kind in schema.items():
        if name not in found:
            raise BadInput(f"{path}: column '{name}' is missing; found {', '.join(found)}")
        if found[name] != kind:
            raise BadInput(f"{path}: column '{name}' is {found[name]}; expected {kind}")
    if span != EVERY_ID:
        rows = rows.filter(span.holds())
    return rows if columns is None else rows.select(columns)


def collect(path: Path, rows: pl.LazyFrame) -> pl.DataFrame:
    """Read what was scanned from a table, in little more than the rows take. Raises BadInput as `read`."""
    try:
        return rows.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BadInput:
    if not path.exists():
        return BadInput(f"{path}: is not here; run evobuild pull or evobuild repro")
    return BadInput(f"{path}: not a readable Parquet table: {str(error).splitlines()[0]}")


def height(path: Path, schema: pl.Schema, where: pl.Expr | None = None) -> int:
    """How many rows a table has. where: which ones count. Raises BadInput as `read`."""
    rows = scan(path, schema) if where is None else scan(path, schema).filter(where)
    return int(collect(path, rows.select(pl.len())).item())


def batches(
    path: Path, schema: pl.Schema, columns: Sequence[str] | None = None, rows: int = 16_384
) -> Iterator[pl.DataFrame]:
    """Read a table some rows at a time, by id; none of a table without rows. Raises BadInput as `read`."""
    for file in part_files(path):
        scanned = scan(file, schema, columns)
        for start in range(0, height(file, schema), rows):
            yield collect(file, scanned.slice(start, rows))


def instructions(rows: pl.DataFrame) -> Iterator[Instruction]:
    """Go through an instruction table row by row."""
    for values in rows.select(Instruction._fields).iter_rows():
        row = Instruction._make(values)
        turns = tuple((turn["role"], turn["content"]) for turn in values[6])
        yield row._replace(history=turns) if turns else row._replace(history=())


def preference_pairs(rows: pl.DataFrame) -> Iterator[PreferencePair]:
    """Go through a table of PREFERENCES row by row."""
    return map(PreferencePair, instructions(rows), rows["rejected"])


def preference_table(pairs: Iterable[PreferencePair]) -> pl.DataFrame:
    """Make a table of PREFERENCES."""
    return frame(PREFERENCES, ((*pair.row, pair.rejected) for pair in pairs))


def stream(path: Path, chunk: int = 16_384) -> tuple[int, Iterator[Instruction]]:
    """The number of rows of an instruction table, and they, some at a time in memory.

    Raises BadInput as `read` does.
    """
    parts = batches(path, INSTRUCTIONS, rows=chunk)
    return height(path, INSTRUCTIONS), (row for part in parts for row in instructions(part))


class Results:
    """What a stage makes of its rows, each one a row of the out or a reject, written as it comes.

    is_needed: whether the line ends where all rows are lost; else that is a warning.
    """

    def __init__(self, schema: pl.Schema, *, out: Path, rejects: Path, is_needed: bool = True) -> None:
        self._kept, self._lost = TableWriter(out, schema), TableWriter(rejects, REJECTS)
        self._reasons: Counter[str] = Counter()
        self._check = refuse_loss_of_all if is_needed else warn_of_loss_of_all

    def take(self, results: Iterable[Sequence[Any]]) -> None:
        """Take results."""
        for result in results:
            if isinstance(result, Reject):
                self._lost.append(result)
                self._reasons[result.reason] += 1
            else:
                self._kept.append(result)

    def extend(self, rows: pl.DataFrame) -> None:
        """Take rows of the out that are a table already."""
        self._kept.extend(rows)

    def reject(self, lost: pl.DataFrame) -> None:
        """Take rejects that are a table: id, reason, detail."""
        self._lost.extend(lost.with_columns(reply=pl.lit("")))
        self._reasons.update(dict(lost["reason"].value_counts().iter_rows()))

    def write(self, rows_in: int, counts: Path, **beside: object) -> None:
        """Write the out, the rejects, and the counts with more beside them.

        Raises NothingLeft if rows came in, nothing is left, and it is needed.
        """
        found = balance(rows_in, self._kept.height, self._reasons)
        self._lost.write()
        self._check(f"{rows_in} rows came in", found, self._lost.path)
        self._kept.write()
        write_json(counts, found | beside)


DETAIL = 140
"""Characters of a detail that an error shows."""

OFF: dict[str, Any] = {"in": 0, "out": 0, "rejects": {}, "off": True}
"""The counts of a stage that is switched off."""


def leave_empty(schema: pl.Schema, *, out: Path, rejects: Path, counts: Path) -> None:
    """Write what a stage leaves if it is switched off: empty tables, and counts that say so."""
    write(out, schema.to_frame())
    write(rejects, REJECTS.to_frame())
    write_json(counts, OFF)


def frame(schema: pl.Schema, rows: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """Make a table of rows whose values stand in the order of the schema."""
    columns = Columns(schema)
    for row in rows:
        columns.append(row)
    return columns.frame()


def write_json(path: Path, content: object) -> None:
    """Write small figures as JSON, one key a line."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def ledger(rows_in: int, rows_out: int, rejects: pl.DataFrame) -> dict[str, Any]:
    """As `balance`, of a table of rejects."""
    return balance(rows_in, rows_out, Counter(rejects["reason"]))


def balance(rows_in: int, rows_out: int, reasons: Mapping[str, int]) -> dict[str, Any]:
    """Count what came in, went out and was lost, by reason: {"in": 3, "out": 2, "rejects": {"empty": 1}}.

    Raises ValueError if they do not add up, or at a reason that `reasons` does not have: a bug of ours.
    """
    if unknown := reasons.keys() - MEANINGS.keys():
        raise ValueError(f"rejects for {', '.join(sorted(unknown))}, which core/reasons.py does not have")
    lost = sum(reasons.values())
    if rows_in != rows_out + lost:
        raise ValueError(f"{rows_in} rows in, but {rows_out} out and {lost} rejected")
    return {"in": rows_in, "out": rows_out, "rejects": sort_reasons(reasons)}


def sort_reasons(reasons: Mapping[str, int]) -> dict[str, int]:
    """Sort counted reasons, the commonest first, ties by name."""
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


def count_reasons(reasons: Iterable[str]) -> dict[str, int]:
    """Count reasons, the commonest first, ties by name."""
    return sort_reasons(Counter(reasons))


def refuse_empty(what: str, counts: dict[str, Any], rejects: Path | None = None) -> None:
    """Raise NothingLeft with the commonest reasons and details if nothing came out.

    rejects: the table of them, which is written and stays.
    """
    if not counts["out"]:
        details = commonest_details(rejects) if rejects else ""
        said = _none_left(what, counts) + (f"\nmostly: {details}" if details else "")
        raise NothingLeft(said, rejects, set(counts["rejects"]) != {"model error"})


def refuse_loss_of_all(what: str, counts: dict[str, Any], rejects: Path | None = None) -> None:
    """As `refuse_empty`, but nothing may come of nothing, as in a pool that is empty."""
    if counts["in"]:
        refuse_empty(what, counts, rejects)


def warn_of_loss_of_all(what: str, counts: dict[str, Any], rejects: Path | None = None) -> None:
    """Say with the commonest reasons that all that came in was lost, where the line goes on without it."""
    if counts["in"] and not counts["out"]:
        log(f"warning: {_none_left(what, counts)}; the line goes on without them")


def commonest_details(rejects: Path, most: int = 3) -> str:
    """Say the commonest details of a table of rejects: "bad request: 400 no such field (7), …"."""
    said = scan(rejects, REJECTS, ["detail"]).filter(pl.col("detail") != "").group_by("detail").len()
    ranked = collect(rejects, said.sort("len", "detail", descending=[True, False]).head(most))
    return ", ".join(
        f"{' '.join(detail.split())[:DETAIL]} ({count:,})" for detail, count in ranked.iter_rows()
    )


def _none_left(what: str, counts: dict[str, Any]) -> str:
    reasons = commonest_reasons(counts["rejects"])
    return f"{what} and none is left; the commonest reasons: {reasons or 'there was none to begin with'}"
