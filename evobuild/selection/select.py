"""The selection: which rows make the data set, in steps that each say what they lose and why.

Lost are 1. rows that a person left out, 2. rows that were not answered, 3. those that share text with an
evaluation set, 4. those that a filter stops, 5. all but the best of equal or much alike rows, 6. what is
below the cut. Every row of the pools is in exactly one of the data set and the rejects, with the first reason
that applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.measures import METRICS, RANDOM
from evobuild.core.reasons import BELOW_THE_CUT, EXCLUDED, NOT_ANSWERED, TOO_NEAR
from evobuild.core.tables import INSTRUCTIONS, SEED_ROUND
from evobuild.selection import (
    candidate_rows,
    deduplicate,
    diversity_filter,
    filters,
    mixture,
    ranks,
    warnings,
)
from evobuild.selection.candidate_rows import Sources
from evobuild.selection.excluded import read_excluded_ids
from evobuild.selection.params import Select, SelectParams

COULD_BE_CHOSEN = (BELOW_THE_CUT, TOO_NEAR)
"""Reasons of rows that got as far as the cut."""

Step = Callable[[pl.DataFrame], pl.DataFrame]
"""Gives the rows that it loses: id, reason, detail."""


class Selection(NamedTuple):
    """The data set, its rejects, and how many rows there were.

    reversed: a warning if later rounds are preferred less, else nothing. dominant: likewise if most rows are
    of one pool. unknown: ids to leave out that no row has.
    """

    kept: pl.DataFrame
    rejects: pl.DataFrame
    rows_in: int
    reversed: list[str]
    dominant: list[str]
    unknown: list[str]


def select_rows(params: SelectParams, sources: Sources) -> Selection:
    """Select rows. params: random_seed, pools, select and decontaminate.sets.

    Raises BadInput if something that the params ask for was measured of no row.
    """
    select, seed = params.select, params.random_seed
    names = select.pools_read(params.pools)
    is_seed = pl.col("round") == SEED_ROUND
    rows = candidate_rows.read_candidate_rows(names, sources).with_columns(uncut=is_seed & select.keep_seeds)
    _refuse_unmeasured(rows, select, names)
    excluded = read_excluded_ids(Path(select.exclude)) if select.exclude else []
    open_, lost = _sift(rows, [_leave_out(excluded), *_gates(params, names, sources)])
    ordered = ranks.order_by_worth(ranks.add_worth(open_, select.by, seed))
    turned = warnings.warn_of_reversed_rounds(ordered, select, names)
    open_, repeated = _sift(ordered, _alike(select, names, sources, seed))
    chosen, cut_off = cut_by_mixture(
        open_, select, _vectors(open_, names, sources) if select.diversity_filter else None
    )
    rejects = pl.concat([*lost, *repeated, cut_off]).with_columns(reply=pl.lit(""))
    texts = candidate_rows.read_texts(names, sources.responses, chosen["id"], list(INSTRUCTIONS))
    kept = texts.join(chosen.select("id", *candidate_rows.MEASURED, "metric"), on="id", how="left")
    return Selection(
        kept,
        rejects.match_to_schema(tables.REJECTS),
        rows.height,
        reversed=turned,
        dominant=warnings.warn_of_dominant_pool(rows["round"], chosen["round"]),
        unknown=sorted(set(excluded) - set(rows["id"])),
    )


def _sift(rows: pl.DataFrame, steps: Iterable[Step]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Take steps one after the other; give the rows that none loses, and what each loses."""
    lost = []
    for step in steps:
        lost.append(step(rows))
        rows = rows.join(lost[-1], on="id", how="anti", maintain_order="left")
    return rows, lost


def _leave_out(ids: Sequence[str]) -> Step:
    listed = pl.Series("id", ids, pl.String)
    return lambda rows: _reject(rows.filter(pl.col("id").is_in(listed.implode())), EXCLUDED)


def _gates(params: SelectParams, names: Sequence[str], sources: Sources) -> list[Step]:
    """What a row must pass by itself."""
    measures = params.select.contamination

    def unanswered(rows: pl.DataFrame) -> pl.DataFrame:
        return _reject(rows.filter(~pl.col("answered")), NOT_ANSWERED)

    def contaminated(rows: pl.DataFrame) -> pl.DataFrame:
        if sources.contamination is None:
            raise ValueError("nobody looked for contamination")
        hits = candidate_rows.read_contaminated_rows(
            list(params.decontaminate.sets), measures, sources.contamination
        )
        return _reject(rows.join(hits, on="id"), "contaminated", "hit")

    def filtered(rows: pl.DataFrame) -> pl.DataFrame:
        given = params.select.filters
        if columns := filters.text_columns(given):
            texts = candidate_rows.read_texts(names, sources.responses, rows["id"], ["instruction"])
            read = [texts["instruction"].map_elements(filters.TEXT[name]).alias(name) for name in columns]
            rows = rows.join(texts.select("id", *read), on="id", how="left", maintain_order="left")
        return filters.find_filtered_rows(rows, given, list(params.select.by))

    gates = [contaminated] if measures else []
    return [unanswered, *gates, filtered]


def _alike(select: Select, names: Sequence[str], sources: Sources, seed: int) -> list[Step]:
    """What a row must not be to a better one."""
    near, similarity = select.deduplicate.near, select.deduplicate.embedding
    steps: list[Step] = [deduplicate.find_exact_duplicates] if select.deduplicate.exact else []
    if near is not None:

        def nearly(rows: pl.DataFrame) -> pl.DataFrame:
            columns = ["history", "instruction", "input"]
            texts = candidate_rows.read_texts(names, sources.responses, rows["id"], columns)
            asked = texts.select("id", candidate_rows.join_asked_text())
            ordered = rows.select("id").join(asked, on="id", how="left", maintain_order="left")
            return deduplicate.find_near_duplicates(rows, ordered["asked"], near, seed)

        steps.append(nearly)
    if similarity is not None or select.diversity_filter is not None:
        steps.append(lambda rows: _reject(_without_vector(rows, names, sources), "no embedding"))
    if similarity is not None:
        steps.append(
            lambda rows: deduplicate.find_embedding_duplicates(
                rows, _vectors(rows, names, sources), similarity
            )
        )
    return steps


def cut_by_mixture(
    rows: pl.DataFrame, select: Select, vectors_N_D: np.ndarray | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut ordered rows by the mixture; give the rows kept, and those lost: id, reason, detail.

    rows: id, round, domain, uncut, metric, in order of worth. vectors_N_D: their embeddings, for the
    diversity filter. At least one row is kept where any can be chosen.
    """
    rows = mixture.plan_mixture(rows, select)
    if vectors_N_D is None or select.diversity_filter is None:
        kept, near = pl.int_range(pl.len()).over("part") < pl.col("quota"), None
        rows = rows.with_columns(kept=kept.fill_null(value=True))
    else:
        quotas = dict(rows.select("part", "quota").drop_nulls().unique().iter_rows())
        choice = diversity_filter.choose_diverse(
            vectors_N_D, 1 - select.diversity_filter, rows["part"].to_numpy(), quotas
        )
        rows = rows.with_columns(kept=pl.Series(choice.kept))
        near = deduplicate.rows_too_near(rows, choice, TOO_NEAR)
    last = pl.col("metric").filter(pl.col("kept")).last().over("part")
    shown = rows.with_columns(
        detail=pl.format("{}, the last kept has {}", pl.col("metric").round(6), last.round(6))
    )
    below = _reject(shown.filter(~pl.col("kept")), BELOW_THE_CUT, "detail")
    if near is not None:
        below = pl.concat([below.join(near, on="id", how="anti"), near])
    return rows.filter("kept"), below


def _reject(rows: pl.DataFrame, reason: str, detail: str | None = None) -> pl.DataFrame:
    said = pl.col(detail) if detail else pl.lit("")
    return rows.select("id", reason=pl.lit(reason), detail=said)


def _vectors(rows: pl.DataFrame, names: Sequence[str], sources: Sources) -> np.ndarray:
    return candidate_rows.read_embeddings(names, sources.embeddings, rows["id"])


def _without_vector(rows: pl.DataFrame, names: Sequence[str], sources: Sources) -> pl.DataFrame:
    missing_N = np.isnan(_vectors(rows, names, sources)[:, 0])
    if rows.height and missing_N.all():
        raise BadInput(
            f"no row of {', '.join(names)} has an embedding, which select.diversity_filter and "
            "select.deduplicate.embedding compare; set models.embedder, or both to null"
        )
    return rows.filter(pl.Series(missing_N))


def _refuse_unmeasured(rows: pl.DataFrame, select: Select, names: Sequence[str]) -> None:
    """Say before any work that something which is asked for was measured of no row at all."""
    asked = [(metric, "select.by") for metric in select.by]
    asked += [(metric, "select.filters") for metric in filters.filter_metrics(select.filters)]
    for metric, key in asked:
        if metric != RANDOM and rows[METRICS[metric].column].is_null().all():
            raise BadInput(
                f"{key} asks for {metric}, but no row of {', '.join(names)} has one; "
                f"see {METRICS[metric].switch}, or choose by another metric"
            )
