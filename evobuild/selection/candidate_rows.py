"""Read the rows of some pools with all their measurements, joined by id.

Texts stay in their files until needed, so that rows use the memory of their numbers. Large tables are read in
ranges of ids. Names of pools come from params, so the file of a removed round is not read. Missing
measurements are null.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import EMBEDDING, all_columns, all_measures
from evobuild.core.table_parts import IdRange, spans

FACTS = ("id", "content_id", "round", "domain")
"""Columns of an instruction that are read for every row."""


class Sources(NamedTuple):
    """Folders with one table per pool; of contamination, one per evaluation set; None if not measured.

    measures: has a folder for each measured measure.
    """

    rounds: Path = Path("data/rounds")
    responses: Path = Path("data/responses")
    measures: Path = Path("data/measures")
    embeddings: Path | None = Path("data/embeddings")
    contamination: Path | None = Path("data/contamination")


def measured_columns() -> dict[str, pl.DataType | type[pl.DataType]]:
    """Give the columns of what was measured, as far as the dataset has them."""
    return {name: column.kind for name, column in all_columns().items() if column.in_dataset}


def dataset_schema() -> pl.Schema:
    """Give the schema of the dataset: rows, all measurements of them, and the value they were selected by."""
    return pl.Schema({**INSTRUCTIONS, **measured_columns(), "metric": pl.Float64()})


def read_candidate_rows(pools: Sequence[str], sources: Sources) -> pl.DataFrame:
    """Read all rows of some pools: id, content_id, round, domain, answered, and MEASURED."""
    return pl.concat(rows.drop("pool") for rows in candidate_batches(pools, sources))


def candidate_batches(
    pools: Sequence[str],
    sources: Sources,
    measured: Collection[str] | None = None,
    texts: Sequence[str] = (),
) -> Iterator[pl.DataFrame]:
    """Yield all rows of some pools, whether they were answered, and their measurements.

    measured: columns of measures to read; None: all. texts: columns of the answered row to read.

    Columns: pool, those of `read_candidate_rows` but only what is in `measured`, and `texts`.
    """
    for name in pools:
        file = f"{name}.parquet"
        for span in spans([sources.rounds / file, *_answered_tables(file, sources)]):
            answers = tables.read(sources.responses / file, INSTRUCTIONS, ["id", *texts], span)
            answers = answers.with_columns(answered=True)
            own = tables.read(sources.rounds / file, INSTRUCTIONS, FACTS, span)
            own = own.join(answers, on="id", how="left", maintain_order="left")
            own = own.with_columns(pl.col("answered").fill_null(value=False), pool=_pool(name, pools))
            yield _join_measures(own, file, span, sources, measured)


def chosen_batches(rows: pl.DataFrame, pools: Sequence[str], sources: Sources) -> Iterator[pl.DataFrame]:
    """Yield some answered rows by pool and id, with all their text and MEASURED.

    rows: have at least id and pool, as from `candidate_batches`.
    """
    for name in pools:
        file = f"{name}.parquet"
        for own, span in _split_by_range(rows, name, _answered_tables(file, sources)):
            texts = tables.scan(sources.responses / file, INSTRUCTIONS, list(INSTRUCTIONS), span)
            found = tables.collect(sources.responses / file, texts.join(own.lazy(), on="id"))
            yield _join_measures(found, file, span, sources, None)


def text_batches(
    rows: pl.DataFrame, pools: Sequence[str], folder: Path, columns: Sequence[str]
) -> Iterator[pl.DataFrame]:
    """Yield some rows by pool and id, with columns of their instruction tables.

    rows: see `chosen_batches`.
    """
    for name in pools:
        path = folder / f"{name}.parquet"
        for own, span in _split_by_range(rows, name, [path]):
            texts = tables.scan(path, INSTRUCTIONS, ["id", *columns], span)
            yield tables.collect(path, texts.join(own.lazy(), on="id"))


def _pool(name: str, pools: Sequence[str]) -> pl.Expr:
    return pl.lit(name, dtype=pl.Enum(list(pools)))


def _answered_tables(file: str, sources: Sources) -> list[Path]:
    measured = (sources.measures / measure.folder for measure in all_measures())
    return [sources.responses / file, *(folder / file for folder in measured if folder.is_dir())]


def _split_by_range(
    rows: pl.DataFrame, pool: str, paths: Sequence[Path]
) -> Iterator[tuple[pl.DataFrame, IdRange]]:
    """Split the rows of a pool into the id ranges of its tables; skip empty ranges."""
    own = rows.filter(pl.col("pool") == pool).sort("id")
    ids = own["id"]
    for span in spans(paths):
        start = int(ids.search_sorted(span.low))
        end = own.height if span.high is None else int(ids.search_sorted(span.high))
        if start < end:
            yield own.slice(start, end - start), span


def _join_measures(
    rows: pl.DataFrame, file: str, span: IdRange, sources: Sources, measured: Collection[str] | None
) -> pl.DataFrame:
    for measure in all_measures():
        columns = [
            column
            for column in measure.columns
            if column.in_dataset and (measured is None or column.name in measured)
        ]
        if not columns:
            continue
        names = {column.stored: column.name for column in columns}
        folder = sources.measures / measure.folder
        table = (
            tables.read(folder / file, measure.schema, ["id", *names], span)
            if folder.is_dir()
            else measure.schema.to_frame().select("id", *names)
        )
        rows = rows.join(table.rename(names), on="id", how="left", maintain_order="left")
    return rows


def read_texts(pools: Sequence[str], folder: Path, ids: pl.Series, columns: Sequence[str]) -> pl.DataFrame:
    """Read some columns of instruction tables for some rows, and `id`."""
    wanted = pl.LazyFrame({"id": ids})
    found = []
    for name in pools:
        path = folder / f"{name}.parquet"
        own = tables.scan(path, INSTRUCTIONS, list(dict.fromkeys(["id", *columns])))
        found.append(tables.collect(path, own.join(wanted, on="id", how="semi")))
    return pl.concat(found)


def join_asked_text() -> pl.Expr:
    """Build the expression that joins earlier turns, instruction and input to one text."""
    turns = pl.col("history").list.eval(pl.element().struct.field("content")).list.join("\n")
    return pl.concat_str(turns, "instruction", "input", separator="\n").alias("asked")


def read_embeddings(pools: Sequence[str], folder: Path | None, ids: pl.Series) -> np.ndarray:
    """Read the embeddings of some rows, in their order, N x D in fp32; all NaN for a row without one.

    Raises BadInput if embeddings differ in length.
    """
    if folder is None:
        return np.full((len(ids), 1), np.nan, np.float32)
    own = [
        tables.read(folder / f"{name}.parquet", EMBEDDING.schema, list(EMBEDDING.schema)) for name in pools
    ]
    table = pl.DataFrame({"id": ids}).join(pl.concat(own), on="id", how="left", maintain_order="left")
    widths = table["embedding"].list.len().drop_nulls().unique().to_list()
    if len(widths) > 1:
        raise BadInput(
            f"{folder}: embeddings have lengths {', '.join(map(str, sorted(widths)))}; expected one length"
        )
    found_N_D = np.full((len(ids), widths[0] if widths else 1), np.nan, np.float32)
    has_one_N = table["embedding"].is_not_null().to_numpy()
    if widths:
        found_N_D[has_one_N] = table["embedding"].drop_nulls().explode().to_numpy().reshape(-1, widths[0])
    return found_N_D


def read_contaminated_rows(sets: Sequence[str], measures: Sequence[str], folder: Path) -> pl.DataFrame:
    """Read which rows share text with an evaluation set: id, and their longest `hit`.

    measures: which to use, such as 13-gram.
    """
    paths = [folder / f"{name}.parquet" for name in sets]
    return pl.concat(_longest_hits(paths, measures, span) for span in spans(paths))


def _longest_hits(paths: Sequence[Path], measures: Sequence[str], span: IdRange) -> pl.DataFrame:
    """Read the longest hits of a range; ids of hits begin with the row's, so a range has all of its
    rows' hits.
    """
    found = []
    for path in paths:
        own = tables.scan(path, CONTAMINATION, None, span).filter(pl.col("measure").is_in(measures))
        length = pl.col("overlap").str.len_chars()
        found.append(tables.collect(path, own.select("id", "row", "set", "place", "measure", length)))
    longest = pl.concat(found).sort("overlap", "id", descending=[True, False], maintain_order=True)
    more = pl.when(pl.len() > 1).then(pl.format(", and {} more", pl.len() - 1)).otherwise(pl.lit(""))
    hit = pl.format("{}, {}, {}", "set", "place", "measure").first()
    return (
        longest.group_by("row", maintain_order=True).agg(hit=pl.concat_str(hit, more)).rename({"row": "id"})
    )
