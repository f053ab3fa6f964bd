"""Write the lineage: the ancestors of all exported rows up to the seed, with the evolver's replies.

`evobuild lineage` tells an exported row's origin from it where no intermediate table is. It has the rows of
the data set and of the branches' exports, and all that these descend from: a row each as in its round, in the
order of rounds and ids, with

  attempt     of the reply that it was read from, from 0; null if no evolver wrote it
  reply       that reply, whole
  thoughts    what the evolver thought before it, '' if nothing
  failed      the attempts at its parent in its round that failed, with operation, reason, detail and reply

The file's metadata holds the evolving method; fixed prompts are in git. Tables are read some rows at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.evolution_tables import FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND
from evobuild.core.scratch import ScratchFolder
from evobuild.core.table_parts import spans
from evobuild.core.table_writer import TableWriter
from evobuild.core.tables import write_stream

CHUNK = 50_000
"""Rows of a round in memory at once."""

METHOD = "evobuild.method"
"""Key of the file's metadata that holds the evolving method."""

_FAILED = ("operation", "attempt", "reason", "detail", "reply")
_WRITTEN = {"attempt": "attempt", "reply": "reply", "reasoning": "thoughts"}
LINEAGE = pl.Schema(
    {
        **INSTRUCTIONS,
        **{name: REPLIES[column] for column, name in _WRITTEN.items()},
        "failed": pl.List(pl.Struct({name: FAILURES[name] for name in _FAILED})),
    }
)


_FAILED_OF = pl.Schema({"id": pl.String(), "failed": LINEAGE["failed"]})
"""The failed attempts at the parent of each row, of rows that have some."""


class Sources(NamedTuple):
    """Paths of earlier outputs: folders with one table per round, and the file of the evolving method."""

    rounds: Path
    replies: Path
    failures: Path
    method: Path


def write_lineage(
    path: Path, dataset: Path, sources: Sources, parents: Mapping[str, str], branches: Collection[str]
) -> None:
    """Write the lineage of a data set, and of all rows of some branches.

    parents: of each round, by name. Raises BadInput if a table is not as it should be.
    """
    wanted = _find_ancestor_ids(dataset, sources.rounds, parents, branches)
    method = sources.method.read_text(encoding="utf-8") if sources.method.exists() else ""
    with ScratchFolder() as folder:
        parts: list[Path] = []
        for name in (SEED_ROUND, *_order_rounds(parents), *branches):
            failed = folder / f"failed-{name}.parquet"
            _write_failed(failed, name, wanted[name], sources)
            for part in _join_replies(name, wanted[name], sources, failed):
                parts.append(folder / f"{len(parts):06}.parquet")
                part.write_parquet(parts[-1], compression="lz4")
        _join(parts, path, method)


def _join(parts: list[Path], path: Path, method: str) -> None:
    rows = pl.scan_parquet(parts) if parts else LINEAGE.to_frame().lazy()
    write_stream(path, rows, CHUNK, {METHOD: method})


def _order_rounds(parents: Mapping[str, str]) -> list[str]:
    """Order rounds so that each comes after its parent."""

    def depth(name: str) -> int:
        return 1 + depth(parents[name]) if name in parents else 0

    return sorted(parents, key=depth)


def _find_ancestor_ids(
    dataset: Path, rounds: Path, parents: Mapping[str, str], branches: Collection[str]
) -> dict[str, pl.Series]:
    """The ids of the rows behind all exported ones, these included, by round."""
    found: defaultdict[str, list[pl.Series]] = defaultdict(list)
    selected = tables.read(dataset, INSTRUCTIONS, ("id", "round"))
    for (name,), rows in selected.partition_by("round", as_dict=True).items():
        found[name].append(rows["id"])
    wanted: dict[str, pl.Series] = {}
    for name in (*branches, *reversed(_order_rounds(parents)), SEED_ROUND):
        table = rounds / f"{name}.parquet"
        rows = tables.read(table, INSTRUCTIONS, ("id", "parent_id"))
        if name not in branches:
            ids = pl.concat([pl.Series("id", [], pl.String), *found[name]]).unique()
            rows = rows.filter(pl.col("id").is_in(ids.implode()))
            if lost := ids.len() - rows.height:
                raise BadInput(f"{table}: {lost} rows are missing that others descend from; run: dvc repro")
        wanted[name] = rows["id"]
        found[parents.get(name, SEED_ROUND)].append(rows["parent_id"].filter(rows["parent_id"] != ""))
    return wanted


def _join_replies(name: str, ids: pl.Series, sources: Sources, failed: Path) -> Iterator[pl.DataFrame]:
    """The wanted rows of a round, in the order of ids, some at a time, each part as LINEAGE.

    failed: the table of `_write_failed`.
    """
    table, replies = sources.rounds / f"{name}.parquet", sources.replies / f"{name}.parquet"
    attempts = tables.scan(failed, _FAILED_OF)
    rows = tables.scan(table, INSTRUCTIONS)
    for start in range(0, ids.len(), CHUNK):
        some = ids.slice(start, CHUNK)
        # Both tables are sorted by id, so only the range between the first and last id is read.
        between = pl.col("id").is_between(pl.lit(some[0]), pl.lit(some[-1]))
        own = tables.collect(table, rows.filter(between & pl.col("id").is_in(some.implode())))
        written = _read_replies(replies, between)
        joined = own.join(written, on="id", how="left", maintain_order="left")
        tried = tables.collect(failed, attempts.filter(between))
        joined = joined.join(tried, on="id", how="left", maintain_order="left")
        yield joined.select(*LINEAGE)


def _read_replies(path: Path, between: pl.Expr) -> pl.DataFrame:
    """Read replies by the id of the resulting row; {} for a round without an evolver."""
    if not path.exists():
        return pl.DataFrame(schema={"id": pl.String, **{_WRITTEN[name]: REPLIES[name] for name in _WRITTEN}})
    rows = tables.scan(path, REPLIES, ("id", *_WRITTEN)).rename(_WRITTEN)
    return tables.collect(path, rows.filter(between))


def _write_failed(path: Path, name: str, ids: pl.Series, sources: Sources) -> None:
    """Write the failed attempts of a round, a list for each wanted row. ids: of these."""
    failures, found = sources.failures / f"{name}.parquet", TableWriter(path, _FAILED_OF)
    if failures.exists():
        tried = tables.read(failures, FAILURES, ("row",))["row"].unique()
        is_wanted = pl.col("parent_id").is_in(tried.implode()) & pl.col("id").is_in(ids.implode())
        round_ = sources.rounds / f"{name}.parquet"
        rows = tables.read(round_, INSTRUCTIONS, ("id", "parent_id"), where=is_wanted)
        # The id of an attempt begins with that of its row, so the attempts of one row are in one range.
        for span in spans([failures]):
            own = tables.read(failures, FAILURES, ("row", *_FAILED), span).sort("row", "operation", "attempt")
            lists = own.group_by(parent_id="row", maintain_order=True).agg(failed=pl.struct(_FAILED))
            found.extend(rows.join(lists, on="parent_id"))
    found.write()
