"""Split source rows into round r0 and a held-out set; rejected rows get a reason.

The held-out rows are split off first, see `held_out`, so that nothing which trains, optimizes or evolves has
seen them or their like. Where `rows` are drawn, the held-out rows are drawn among the reserved ones,
`held_out` times as many, and the others of these are for nothing.

Rows are on disk and yielded in batches, so that for ten million rows little more than ids is in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.core.draws import draw_table_rows
from evobuild.core.errors import BadInput
from evobuild.core.reasons import NOT_DRAWN
from evobuild.seeds.clean import CleanedRows, clean_source_rows, select_kept_rows, select_rejected_rows
from evobuild.seeds.extra import filter_fields
from evobuild.seeds.fields import format_fields
from evobuild.seeds.formats import SourceRow
from evobuild.seeds.held_out import reserve_rows
from evobuild.seeds.params import Seed
from evobuild.seeds.sifting import sift_rows


class Split(NamedTuple):
    """Source rows, each once: in r0, held out, or rejected; tables in the order of the source."""

    r0: pl.DataFrame
    held_out: pl.DataFrame
    rejects: pl.DataFrame


def split_seed_rows(sources: Iterable[SourceRow], params: Seed, random_seed: int) -> Split:
    """As `split_batches`, all rows at once."""
    return Split(*map(pl.concat, zip(*split_batches(sources, params, random_seed), strict=True)))


def split_batches(sources: Iterable[SourceRow], params: Seed, random_seed: int) -> Iterator[Split]:
    """Normalise source rows, drop what is no seed, and split off the held-out set; give some rows at a time.

    Raises BadInput if rows are to be held out and all are one group.
    """
    with keep_seeds(sources, params) as rows:
        is_r0_N, is_held_out_N = _sides(rows, params, random_seed)
        is_left_N = rows.is_kept_N & ~is_r0_N & ~is_held_out_N
        for some in rows.batches():
            number = some["seed_place"].to_numpy()
            is_left = pl.Series(is_left_N[number])
            settled = some.with_columns(
                reason=pl.when(is_left).then(pl.lit(NOT_DRAWN)).otherwise("reason"),
                detail=pl.when(is_left).then("place").otherwise("detail"),
            )
            r0, held_out = (
                select_kept_rows(some.filter(side_N[number])) for side_N in (is_r0_N, is_held_out_N)
            )
            split = Split(r0, held_out, select_rejected_rows(settled))
            if sum(table.height for table in split) != some.height:
                raise ValueError(f"{some.height} rows became {[table.height for table in split]}")
            yield split


@contextmanager
def keep_seeds(sources: Iterable[SourceRow], params: Seed) -> Iterator[CleanedRows]:
    """Give each source row that can be a seed as a row of r0, and why the others are lost.

    Raises BadInput if params.extra names a column that no row has.
    """
    if params.extra != "all":
        sources = _keep_named_extra(sources, params.extra)
    with clean_source_rows(sift_rows(sources, params), params.domain, params.deduplicate) as rows:
        yield rows


def _keep_named_extra(sources: Iterable[SourceRow], names: Iterable[str]) -> Iterator[SourceRow]:
    unseen = set(names)
    for source in sources:
        unseen.difference_update(source.extra)
        yield source._replace(extra=filter_fields(source.extra, names))
    if unseen:
        raise BadInput(
            f"seed.extra names {format_fields(sorted(unseen))}, which is no other column of the source"
        )


def _sides(rows: CleanedRows, params: Seed, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row is in r0, and whether it is held out."""
    is_reserved_N = np.zeros(len(rows), bool)
    if params.held_out and rows.is_kept_N.any():
        is_reserved_N = reserve_rows(rows, params, seed)
    is_free_N = rows.is_kept_N & ~is_reserved_N
    if params.rows is None:
        return is_free_N, is_reserved_N
    count = min(params.rows, int(rows.is_kept_N.sum()))
    wanted = max(1, round(count * params.held_out))
    return (
        _sample_rows(rows.ids, is_free_N, count, seed, "rows"),
        _sample_rows(rows.ids, is_reserved_N, wanted, seed, "held-out rows"),
    )


def _sample_rows(ids: pl.Series, is_among_N: np.ndarray, count: int, seed: int, purpose: str) -> np.ndarray:
    """Whether each row is drawn, of those that it may be."""
    number = np.flatnonzero(is_among_N)
    rows = pl.DataFrame({"id": ids.gather(number), "seed_place": number})
    found_N = np.zeros_like(is_among_N)
    found_N[draw_table_rows(rows, count, seed, purpose)["seed_place"].to_numpy()] = True
    return found_N
