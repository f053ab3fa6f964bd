"""Row outcomes: whether a row was answered, measured, selected or rejected, and why.

Names of pools and of evaluation sets come from params, so the tables of a removed one stay unread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import polars as pl

from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import all_columns, all_measures
from evobuild.core.reasons import NOT_ANSWERED
from evobuild.core.rejects import REJECTS
from evobuild.core.stages import file_stem, pool_stems, stage_address
from evobuild.core.table_parts import EVERY_ID, IdRange
from evobuild.reporting.params import ReportParams

SELECTED = "selected"
NOT_UP = "not up for selection"
"""What a row is called that no stage lost and that was not selected either: its pool is not chosen from."""


class Tables(NamedTuple):
    """Paths of rows: folders with one table per round, pool or evaluation set, then dataset and method.

    measures: a folder of each measure.
    """

    rounds: Path = Path("data/rounds")
    responses: Path = Path("data/responses")
    measures: Path = Path("data/measures")
    contamination: Path = Path("data/contamination")
    rejects: Path = Path("data/rejects")
    failures: Path = Path("data/failures")
    replies: Path = Path("data/replies")
    unread: Path = Path("data/unread")
    downstream: Path = Path("data/downstream")
    optimization: Path = Path("data/optimization")
    dataset: Path = Path("data/dataset.parquet")
    method: Path = Path("data/method.txt")


class RejectRecord(NamedTuple):
    """Where a row was lost, and why. stage: of training with its base, "finetune@toy"."""

    stage: str
    reason: str
    detail: str
    reply: str


class Overlap(NamedTuple):
    """What a row shares with a row of an evaluation set.

    place: location in its file. measure: 13-gram, or embedding. shared: the text, normalised;
    of embeddings their cosine.
    """

    set: str
    place: str
    measure: str
    shared: str


class RowOutcome(NamedTuple):
    """The outcome of one row.

    answer: None without one. responder: URI of the model that answered, '' if the answer came with
    the seed. measured: what was measured of it, by column; what was not asked for is None, what was not
    measured is not there. overlaps: () if it was held against the evaluation sets and shares nothing, None
    if there are none. reasoning: what the responder thought before the answer, '' if nothing.
    """

    answer: str | None
    responder: str
    measured: Mapping[str, Any]
    overlaps: tuple[Overlap, ...] | None
    selected: bool
    losses: tuple[RejectRecord, ...]
    reasoning: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """In words that can be counted: "selected", "respond: stagnant complexity"; at least one."""
        found = [f"{loss.stage}: {loss.reason}" for loss in self.losses]
        return (*([SELECTED] if self.selected else []), *found) or (NOT_UP,)

    def measured_lines(self) -> Iterator[tuple[str, str]]:
        """What was measured of it as text, a line a measure: ("rated", "hard, difficulty 70 of 100")."""
        for measure in all_measures():
            own = [column for column in measure.columns if self.measured.get(column.name) is not None]
            values = [format_value(column.name, self.measured[column.name]) for column in own]
            if own:
                yield measure.said, ", ".join(values)


def format_value(column: str, value: Any) -> str:
    """A measured value as text. Instance: ("difficulty", 70.0) -> "difficulty 70 of 100"."""
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value)) or "none"
    return all_columns()[column].text.format(value)


class Reader(Protocol):
    """Reads the rows of a table that are asked for, as `tables.read` does."""

    def __call__(
        self, path: Path, schema: pl.Schema, *, where: pl.Expr | None = None, span: IdRange = EVERY_ID
    ) -> pl.DataFrame: ...


_Rows = Iterator[tuple[Any, ...]]


def row_outcomes(
    ids: Collection[str], params: ReportParams, where: Tables, read: Reader = tables.read
) -> dict[str, RowOutcome]:
    """Look up the outcomes of some rows.

    Raises BadInput if a table is missing or not as it should be, as `read` does.
    """
    wanted = pl.Series(list(ids), dtype=pl.String)
    # Of a large table, only the files whose range has one of the ids are opened.
    between = IdRange(min(ids), f"{max(ids)}\0") if ids else EVERY_ID

    def some(path: Path, schema: pl.Schema, key: str, *columns: str) -> _Rows:
        span = between if key == "id" else EVERY_ID
        found = read(path, schema, where=pl.col(key).is_in(wanted.implode()), span=span)
        return found.select(key, *columns).iter_rows()

    def pools(folder: Path, schema: pl.Schema, *columns: str) -> _Rows:
        for pool in params.pools:
            yield from some(folder / f"{pool}.parquet", schema, "id", *columns)

    columns = ("output", "responder", "reasoning")
    answers = {key: rest for key, *rest in pools(where.responses, INSTRUCTIONS, *columns)}
    measured = _scan_measurements(where, pools)
    overlaps = _overlaps(params, where, some)
    losses = _losses(params, where, some)
    selected = {key for (key,) in some(where.dataset, INSTRUCTIONS, "id")}
    found = {}
    for key in ids:
        answer, responder, reasoning = answers.get(key, (None, "", ""))
        compared = key in overlaps or (answer is not None and params.decontaminate.sets)
        found[key] = RowOutcome(
            answer, responder, measured.get(key, {}),
            tuple(overlaps.get(key, ())) if compared else None,
            key in selected, tuple(losses.get(key, ())), reasoning,
        )  # fmt: skip
    return found


def _scan_measurements(where: Tables, pools: Callable[..., _Rows]) -> dict[str, dict[str, Any]]:
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for measure in all_measures():
        names = measure.renamed
        for key, *values in pools(where.measures / measure.folder, measure.schema, *names):
            found[key] |= dict(zip(names.values(), values, strict=True))
    return found


def _overlaps(params: ReportParams, where: Tables, some: Callable[..., _Rows]) -> dict[str, list[Overlap]]:
    found: defaultdict[str, list[Overlap]] = defaultdict(list)
    for name in params.decontaminate.sets:
        path = where.contamination / f"{name}.parquet"
        for key, *rest in some(path, CONTAMINATION, "row", "set", "place", "measure", "overlap"):
            found[key].append(Overlap(*rest))
    return found


def _losses(params: ReportParams, where: Tables, some: Callable[..., _Rows]) -> dict[str, list[RejectRecord]]:
    found: defaultdict[str, list[RejectRecord]] = defaultdict(list)
    stems = [*pool_stems(params.pools), "select"]
    files = {where.rejects / f"{stem}.parquet": stem.partition("-")[0] for stem in stems}
    # A row that one base cannot learn from another may.
    trained = where.downstream / "rejects"
    for base in params.bases:
        files[trained / f"{file_stem('finetune', base)}.parquet"] = stage_address("finetune", base)
    for file, stage in files.items():
        for key, *why in some(file, REJECTS, *REJECTS):
            if not (found[key] and why[0] == NOT_ANSWERED):
                found[key].append(RejectRecord(stage, *why))
    return found
