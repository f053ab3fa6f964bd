"""What select reads: the rows of some pools with all that was measured of them, side by side by id.

Texts stay in their files until they are asked for, so that a million rows take the memory of their
figures. Names of pools come from params: a file of a removed round stays unread. What a row was not
given is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.measures import MEASURES, measure_folders
from evobuild.core.tables import CONTAMINATION, EMBEDDINGS, INSTRUCTIONS

FACTS = ("id", "content_id", "round", "domain")
"""What is read of an instruction at once."""


class Sources(NamedTuple):
    """Folders with a table a pool, of contamination an evaluation set; None for what was not measured.

    measures: the folder of each measure, by its name; one that is not there was not measured.
    """

    rounds: Path = Path("data/rounds")
    responses: Path = Path("data/responses")
    measures: Mapping[str, Path] = measure_folders()
    embeddings: Path | None = Path("data/embeddings")
    contamination: Path | None = Path("data/contamination")


MEASURED = tuple(column.name for measure in MEASURES for column in measure.columns if column.in_dataset)
"""Columns of what was measured."""


def read_candidate_rows(pools: Sequence[str], sources: Sources) -> pl.DataFrame:
    """Read all rows of some pools, whether they were answered, and what was measured of them.

    Columns: id, content_id, round, domain, answered, and MEASURED.
    """
    found = []
    for name in pools:
        file = f"{name}.parquet"
        answered = tables.read(sources.responses / file, INSTRUCTIONS, ["id"]).with_columns(answered=True)
        own = tables.read(sources.rounds / file, INSTRUCTIONS, FACTS).join(answered, on="id", how="left")
        own = own.with_columns(pl.col("answered").fill_null(value=False))
        for measure in MEASURES:
            names = {column.stored: column.name for column in measure.columns if column.in_dataset}
            folder = sources.measures.get(measure.folder)
            table = (
                tables.read(folder / file, measure.schema, ["id", *names])
                if folder
                else measure.schema.to_frame()
            )
            table = table.select("id", *names).rename(names)
            own = own.join(table, on="id", how="left", maintain_order="left")
        found.append(own)
    return pl.concat(found)


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
    """Join all that a model is asked to one text: earlier turns, instruction and input."""
    turns = pl.col("history").list.eval(pl.element().struct.field("content")).list.join("\n")
    return pl.concat_str(turns, "instruction", "input", separator="\n").alias("asked")


def read_embeddings(pools: Sequence[str], folder: Path | None, ids: pl.Series) -> np.ndarray:
    """Read the embeddings of some rows, in their order, N x D in fp32; of a row without one all is NaN.

    Raises BadInput if embeddings differ in length.
    """
    if folder is None:
        return np.full((len(ids), 1), np.nan, np.float32)
    own = [tables.read(folder / f"{name}.parquet", EMBEDDINGS, list(EMBEDDINGS)) for name in pools]
    table = pl.DataFrame({"id": ids}).join(pl.concat(own), on="id", how="left", maintain_order="left")
    widths = table["embedding"].list.len().drop_nulls().unique().to_list()
    if len(widths) > 1:
        raise BadInput(
            f"{folder}: embeddings have lengths {', '.join(map(str, sorted(widths)))}; expected one"
        )
    found_N_D = np.full((len(ids), widths[0] if widths else 1), np.nan, np.float32)
    has_one_N = table["embedding"].is_not_null().to_numpy()
    if widths:
        found_N_D[has_one_N] = table["embedding"].drop_nulls().explode().to_numpy().reshape(-1, widths[0])
    return found_N_D


def read_contaminated_rows(sets: Sequence[str], measures: Sequence[str], folder: Path) -> pl.DataFrame:
    """Read which rows share text with an evaluation set: id, and in `hit` where its longest hit is.

    measures: those that count, such as 13-gram.
    """
    found = pl.concat([tables.read(folder / f"{name}.parquet", CONTAMINATION) for name in sets])
    hits = found.filter(pl.col("measure").is_in(measures))
    longest = hits.sort(pl.col("overlap").str.len_chars(), "id", descending=[True, False])
    more = pl.when(pl.len() > 1).then(pl.format(", and {} more", pl.len() - 1)).otherwise(pl.lit(""))
    hit = pl.format("{}, {}, {}", "set", "place", "measure").first()
    return (
        longest.group_by("row", maintain_order=True).agg(hit=pl.concat_str(hit, more)).rename({"row": "id"})
    )
