"""Rows in = rows out + rejects, held across tables: by numbers of rows, by ids where both are at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.contracts.hashed_ids import hash_columns
from evobuild.contracts.shares import Lost
from evobuild.core import tables
from evobuild.core.json_files import read_json_file
from evobuild.core.rejects import REJECTS, count_reasons
from evobuild.core.stages import COUNTED_BY_POOL, STAGES, Stage, file_stem

_LAST = "select"
_NO_REJECTS = frozenset({"check", "fetch", "scratch", "optimize", "decontaminate"})
_PLACES = {stage.name: place for place, stage in enumerate(STAGES)}
BALANCED = tuple(
    stage for stage in STAGES if stage.name not in _NO_REJECTS and _PLACES[stage.name] <= _PLACES[_LAST]
)
"""Stages up to the choice of rows that lose some."""
BALANCED_LATER = tuple(stage for stage in STAGES if stage.name in ("export", "finetune", "evaluate"))
"""Those after it."""
_BALANCE = pl.Schema(
    {"id": pl.String(), "stage": pl.String(), "name": pl.String(), "rows_in": pl.Int64(),
     "rows_out": pl.Int64(), "rejected": pl.Int64(), "missing": pl.Int64(), "twice": pl.Int64(),
     "strange": pl.Int64(), "miscounted": pl.Int64()}
)  # fmt: skip


class Flow(NamedTuple):
    """What went through a stage, as far as tables tell: ids that came in, that went out; None: unknown."""

    came: pl.LazyFrame | None = None
    left: pl.LazyFrame | None = None
    by_ids: bool = False


class Balance(NamedTuple):
    """The rows of a run of a stage.

    missing: that came in and are nowhere. twice: that are an out and a reject. strange: an out or a reject
    that never came in; None where ids do not tell. miscounted: rows by which its counts differ from tables.
    """

    stage: str
    name: str
    rows_in: int
    rows_out: int
    rejected: int
    missing: int
    twice: int | None
    strange: int | None
    miscounted: int


def balance_table(rows: Iterable[Balance]) -> pl.DataFrame:
    """Lay balances out. id: "respond-r1"."""
    return pl.DataFrame([(file_stem(row.stage, row.name), *row) for row in rows], _BALANCE, orient="row")


def balance_stages(
    stages: Iterable[Stage],
    names: Mapping[str, Iterable[str]],
    counts_in: Path,
    rejects_in: Path,
    flows: Mapping[str, Flow],
) -> tuple[list[Balance], list[Lost]]:
    """Balance all runs of some stages; one that is switched off is left out.

    names: what each is run for, by its key of params. counts_in, rejects_in: their folders. flows: by stem.
    """
    balances, lost = [], []
    for stage in stages:
        of_all = stage.name in COUNTED_BY_POOL
        for name in names[stage.per] if stage.per else [""]:
            stem = file_stem(stage.name, name)
            counts = _ledger(read_json_file(counts_in / f"{stem}.json"), of_all)
            if counts is None:
                continue
            rejects = tables.read(rejects_in / f"{stem}.parquet", REJECTS, ["id", "reason"])
            found = _balance(counts, rejects, flows.get(stem, Flow()))
            balances.append(Balance(stage.name, name, *found))
            lost.append(Lost(stage.name, name, found[0], count_reasons(rejects["reason"])))
    return balances, lost


def _ledger(content: dict[str, Any], of_all: bool) -> dict[str, Any] | None:
    """A stage's counts, of all pools together; None if it is switched off."""
    each = [own for own in content.values() if isinstance(own, dict) and "in" in own] if of_all else [content]
    on = [own for own in each if not own.get("off")]
    if not on:
        return None
    rejects = Counter[str]()
    for own in on:
        rejects.update(own["rejects"])
    return {"in": sum(own["in"] for own in on), "out": sum(own["out"] for own in on), "rejects": rejects}


def _balance(
    counts: Mapping[str, Any], rejects: pl.DataFrame, flow: Flow
) -> tuple[int, int, int, int, int | None, int | None, int]:
    """Give all of a Balance but its names."""
    ids = [None if rows is None else _hash_ids(rows) for rows in flow[:2]]
    came, out = (
        counted if own is None else own.height
        for own, counted in zip(ids, (counts["in"], counts["out"]), strict=True)
    )
    differences = counts["in"] - came, counts["out"] - out, sum(counts["rejects"].values()) - rejects.height
    figures = came, out, rejects.height
    wrong, missing = sum(map(abs, differences)), came - out - rejects.height
    if not flow.by_ids or ids[0] is None or ids[1] is None:
        return *figures, missing, None, None, wrong
    if not rejects.height and ids[0].equals(ids[1]):
        return *figures, missing, 0, 0, wrong
    lost = _hash_ids(rejects.lazy())
    gone = pl.concat([ids[1], lost])
    missing = ids[0].join(gone, on="id", how="anti").height
    twice = ids[1].join(lost, on="id", how="semi").height
    return *figures, missing, twice, gone.join(ids[0], on="id", how="anti").height, wrong


def _hash_ids(rows: pl.LazyFrame) -> pl.DataFrame:
    return tables.collect(Path("ids"), rows.select(id=hash_columns("id")))
