"""Withhold text of evaluation sets in rejected rows from publication.

The stage `decontaminate` checked the rows of the dataset, but not rows rejected before it. Those are compared
here, by the shortest n-gram of `decontaminate.ngrams`, with each set of `decontaminate.sets` and with the
held-out rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from evobuild.contamination import evaluation_sets
from evobuild.contamination.decontaminate import NgramIndex
from evobuild.contamination.hits import Hit
from evobuild.contamination.params import Decontaminate
from evobuild.core.instructions import Instruction
from evobuild.core.yaml_files import read_yaml

HELD_OUT = Path("data/held_out.parquet")
WORDS = 8
"""Words of an n-gram if params name none."""
ROWS = 8_192


def withhold_evaluation_text(rejects: pl.LazyFrame) -> pl.LazyFrame:
    """Empty the detail and reply of rejected rows that share text with an evaluation set.

    Raises BadInput if a set cannot be read.
    """
    params = _read_params()
    sets = {
        name: evaluation_sets.read_evaluation_set(file, params.columns.get(name, ()))
        for name, file in _list_files(params).items()
    }
    hits: list[Hit] = []
    index = NgramIndex(sets, [min(params.ngrams, default=WORDS)])
    index.search(partial(_iterate_rejects, rejects), hits.append)
    said = {int(hit.row): f"withheld: shares text with {hit.place} of {hit.set}" for hit in hits}
    found = pl.LazyFrame(
        {"place": said.keys(), "withheld": said.values()}, schema={"place": pl.UInt32, "withheld": pl.String}
    )
    joined = rejects.with_row_index("place").join(found, on="place", how="left", maintain_order="left")
    return joined.with_columns(
        detail=pl.coalesce("withheld", "detail"),
        reply=pl.when(pl.col("withheld").is_null()).then("reply").otherwise(pl.lit("")),
    ).drop("place", "withheld")


def find_missing_sets() -> list[str]:
    """List missing files of evaluation sets, which rows cannot be compared with."""
    return [str(file) for file in _list_files(_read_params()).values() if not file.exists()]


def _read_params() -> Decontaminate:
    return Decontaminate.model_validate(read_yaml(Path("params.yaml"))["decontaminate"])


def _list_files(params: Decontaminate) -> dict[str, Path]:
    return {name: Path(file) for name, file in params.sets.items()} | {"held_out": HELD_OUT}


def _iterate_rejects(rejects: pl.LazyFrame) -> Iterator[Instruction]:
    """Yield each rejected row with its index as id and its reply as instruction, so short questions match."""
    start = 0
    for batch in rejects.select("detail", "reply").collect_batches(chunk_size=ROWS, maintain_order=True):
        for place, (detail, reply) in enumerate(batch.iter_rows(), start):
            yield Instruction(str(place), "", "", "", "", "", (), reply, "", detail)
        start += batch.height
