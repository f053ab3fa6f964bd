"""The rows that make a data set, chosen by what was measured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from evobuild.api.result import Given, Result, Rows, given_rows
from evobuild.api.settings import section
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.measures import MEASURES
from evobuild.core.params import validated
from evobuild.core.table_parts import ROWS_PER_FILE
from evobuild.core.tables import CONTAMINATION, EMBEDDINGS, INSTRUCTIONS, REJECTS
from evobuild.selection import select as selection
from evobuild.selection.candidate_rows import DATASET, Sources
from evobuild.selection.params import Select, SelectParams
from evobuild.selection.ranks import is_highest

HITS = "hits"
"""The name of the set that hits of contamination are read as."""


def select(
    rows: Rows,
    *,
    by: str | Mapping[str, float] = "ic_ifd",
    share: float | None = 0.25,
    count: int | None = None,
    hits: pl.DataFrame | None = None,
    seed: int = 42,
    **settings: Any,
) -> Result:
    """Choose answered rows, as the stage `select` does; the best first, with `metric`, what chose them.

    by: a metric (ic_ifd, ifd, difficulty, perplexity, length and the like; random), or several with weights.
    What it is computed from are columns of the rows, which `score_ifd` and `rate_difficulty` add; embeddings,
    for diversity_filter, are a column `embedding` of lists of floats. share, count: of the rows that can be
    chosen, the same of each round unless per_pool=False; a count takes the place of the share. hits: of
    `find_contamination`; a row with one is left out if its measure is in the setting `contamination`, as
    13-gram and embedding are. settings: keys of the section `select` of params.yaml, such as
    filters={"min_words": 5}, deduplicate={"near": None} or per_domain=True.

    Rejects are all other rows, each with the first reason that applied, such as "below the cut".

    Raises UserError if a setting is wrong, or a metric was measured of no row.

    >>> trees = ("oak", "elm", "fir", "ash")
    >>> rows = [
    ...     {"instruction": f"Draw the {tree}.", "output": "Here it is.", "difficulty": number}
    ...     for number, tree in enumerate(trees)
    ... ]
    >>> chosen = select(rows, by="difficulty", share=0.5)
    >>> chosen.rows["instruction"].to_list(), chosen.rejects["reason"].to_list()
    (['Draw the ash.', 'Draw the fir.'], ['below the cut', 'below the cut'])
    """
    given = given_rows(rows)
    rounds = sorted({row.round for row in given.rows})
    chosen = {"pools": rounds, "by": by, "share": share if count is None else None, "count": count}
    own = section("select", Select, chosen | settings)
    pools = sorted(own.pools_read([]))
    read = {"random_seed": seed, "pools": {pool: {} for pool in pools}}
    fixed = {"select": own, "decontaminate": {"sets": {HITS: ""}}}
    fixed |= {"tables": {"rows_per_file": ROWS_PER_FILE}}
    params = validated(Path("rows"), read | fixed, SelectParams)
    with TemporaryDirectory() as folder:
        out, rejects = Path(folder, "dataset.parquet"), Path(folder, "rejects.parquet")
        results = tables.Results(DATASET, out=out, rejects=rejects, is_needed=False)
        found = selection.select_rows(params, _written(given, pools, hits, Path(folder)), results)
        results.write(found.rows_in, Path(folder, "counts.json"))
        best, lost = tables.read(out, DATASET), tables.read(rejects, REJECTS)
    order = best.sort("metric", "id", descending=[_is_best_high(own), False])
    return Result(given.with_others(order.select(*INSTRUCTIONS, "metric"), ["metric"]), lost)


def _is_best_high(params: Select) -> bool:
    return len(params.by) > 1 or is_highest(next(iter(params.by)))


def _written(given: Given, pools: Sequence[str], hits: pl.DataFrame | None, folder: Path) -> Sources:
    """Write the rows of each pool with their measures as the stages leave them."""
    rows = given.with_others(tables.frame(INSTRUCTIONS, given.rows))
    found = CONTAMINATION.to_frame() if hits is None else hits
    measures = {measure.folder: folder / measure.folder for measure in MEASURES}
    written = {"rounds": INSTRUCTIONS, "responses": INSTRUCTIONS, "embeddings": EMBEDDINGS}
    for name in (*written, *measures, "contamination"):
        (folder / name).mkdir()
    for pool in pools:
        own, file = rows.filter(round=pool), f"{pool}.parquet"
        tables.write(folder / "rounds" / file, own.select(*INSTRUCTIONS))
        tables.write(folder / "responses" / file, own.filter(pl.col("output") != "").select(*INSTRUCTIONS))
        tables.write(folder / "embeddings" / file, _with(own, EMBEDDINGS).drop_nulls())
        for measure in MEASURES:
            named = pl.Schema({"id": pl.String} | {each.name: each.kind for each in measure.columns})
            table = _with(own, named).rename({each.name: each.stored for each in measure.columns})
            tables.write(measures[measure.folder] / file, table)
    tables.write(folder / "contamination" / f"{HITS}.parquet", found)
    return Sources(
        folder / "rounds", folder / "responses", measures, folder / "embeddings", folder / "contamination"
    )


def _with(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Some columns of rows, of nulls where there is none. Raises BadInput at values of another kind."""
    try:
        return rows.select(
            (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in schema.items()
        )
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"rows: a measured column is of another kind: {str(error).splitlines()[0]}") from error
