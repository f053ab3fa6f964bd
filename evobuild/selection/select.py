"""Select the rows of the dataset in steps; each rejects rows with a reason.

Each batch passes the steps that concern single rows, and stays in memory as numbers; texts of selected rows
are read when they are written. So ten million rows need a few GB.

The steps reject 1. rows that a person excluded, 2. rows without an answer, 3. rows that share text with an
evaluation set, 4. rows that fail a filter, 5. all but the best of equal or similar rows, 6. rows below the
cutoff. Every row of the pools is either in the dataset or in the rejects, with the first reason that applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.core.errors import BadInput
from evobuild.core.instructions import SEED_ROUND
from evobuild.core.measures import RANDOM, all_metrics
from evobuild.core.reasons import BELOW_THE_CUT, EXCLUDED, NOT_ANSWERED, TOO_NEAR
from evobuild.core.results import Results
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
from evobuild.selection.params import Metric, Select, SelectParams

COULD_BE_CHOSEN = (BELOW_THE_CUT, TOO_NEAR)
"""Reject reasons of rows that reached the cutoff."""

AT_A_TIME = 100_000
"""Rejects written together, to bound the memory of their details."""

Step = Callable[[pl.DataFrame], pl.DataFrame]
"""Returns the rows that it rejects: id, reason, detail."""


class Selection(NamedTuple):
    """Result of the selection, and warnings.

    rows_in: rows of the pools. reversed: a warning if earlier rounds rank higher, else empty. dominant: a
    warning if most selected rows are of one pool. unknown: excluded ids that no row has.
    """

    rows_in: int
    reversed: list[str]
    dominant: list[str]
    unknown: list[str]


def select_rows(params: SelectParams, sources: Sources, results: Results) -> Selection:
    """Select rows. params: random_seed, pools, select and decontaminate.sets. results: receives all rows.

    Raises BadInput if params need a metric that no row has.
    """
    select, seed = params.select, params.random_seed
    names = select.list_pools(params.pools)
    came = _read_candidates(params, names, sources, results)
    ordered = ranks.order_by_worth(ranks.add_worth(came.open, select.by, seed, select.combine))
    came = came._replace(open=came.open.clear())
    turned = warnings.warn_reversed_rounds(ordered, select, names)
    ordered = _apply_steps(ordered, _build_duplicate_filters(select, names, sources, seed), results)
    vectors_N_D = _read_vectors(ordered, names, sources) if select.diversity_filter else None
    chosen = select_by_mixture(ordered, select, results.reject, vectors_N_D).select("id", "pool", "metric")
    for rows in candidate_rows.chosen_batches(chosen, names, sources):
        results.extend(rows)
    return Selection(
        sum(came.rows.values()),
        reversed=turned,
        dominant=warnings.warn_dominant_pool(
            [pool for pool, rows in came.rows.items() if rows], chosen["pool"].cast(pl.String)
        ),
        unknown=came.unknown,
    )


class _Candidates(NamedTuple):
    """Rows that passed the steps for single rows, and the rows in by pool. unknown: as in Selection."""

    open: pl.DataFrame
    rows: Counter[str]
    unknown: list[str]


def _read_candidates(
    params: SelectParams, names: Sequence[str], sources: Sources, results: Results
) -> _Candidates:
    select = params.select
    excluded = read_excluded_ids(Path(select.exclude)) if select.exclude else []
    steps = [_exclude(excluded), *_build_row_filters(params, sources)]
    texts = ["instruction"] if filters.text_columns(select.filters) else []
    read, unmeasured = _list_columns(select), _list_metrics(select)
    found, counted, unknown = [], Counter[str](), set(excluded)
    for batch in candidate_rows.candidate_batches(names, sources, read, texts):
        counted[str(batch["pool"].first() or "")] += batch.height
        unmeasured = {m: key for m, key in unmeasured.items() if not batch[all_metrics()[m].column].count()}
        unknown.difference_update(batch["id"]) if unknown else None
        uncut = (pl.col("round") == SEED_ROUND) & select.keep_seeds
        rows = _apply_steps(batch.with_columns(uncut=uncut), steps, results)
        rows = rows.drop("answered", *texts)
        found.append(rows.with_columns(pl.col("round", "domain").cast(pl.Categorical)))
    _refuse_unmeasured(unmeasured, names)
    return _Candidates(pl.concat(found), counted, sorted(unknown))


def _list_columns(select: Select) -> set[str]:
    """List the columns of MEASURED that a selection needs."""
    asked = [all_metrics()[metric] for metric in _list_metrics(select)]
    return {column for metric in asked for column in (metric.column, *metric.expression.meta.root_names())}


def _list_metrics(select: Select) -> dict[Metric, str]:
    """List the metrics that a selection needs, each with the params key that names it."""
    asked = dict.fromkeys(filters.filter_metrics(select.filters), "select.filters")
    return asked | {metric: "select.by" for metric in select.by if metric != RANDOM}


def _apply_steps(rows: pl.DataFrame, steps: Iterable[Step], results: Results) -> pl.DataFrame:
    """Apply steps in order; return the rows that no step rejects."""
    for step in steps:
        lost = step(rows)
        results.reject(lost)
        rows = rows.join(lost, on="id", how="anti", maintain_order="left") if lost.height else rows
    return rows


def _exclude(ids: Sequence[str]) -> Step:
    listed = pl.Series("id", ids, pl.String)
    return lambda rows: _reject(rows.filter(pl.col("id").is_in(listed.implode())), EXCLUDED)


def _build_row_filters(params: SelectParams, sources: Sources) -> list[Step]:
    """Build the steps that concern single rows."""
    given = params.select.filters

    def unanswered(rows: pl.DataFrame) -> pl.DataFrame:
        return _reject(rows.filter(~pl.col("answered")), NOT_ANSWERED)

    def filtered(rows: pl.DataFrame) -> pl.DataFrame:
        told = filters.add_text_columns(rows, given)
        return filters.find_filtered_rows(told, given, list(params.select.by))

    contaminated = [_contaminated(params, sources)] if params.select.contamination else []
    return [unanswered, *contaminated, filtered]


def _contaminated(params: SelectParams, sources: Sources) -> Step:
    if sources.contamination is None:
        raise ValueError("nobody looked for contamination")
    sets, measures = list(params.decontaminate.sets), params.select.contamination
    hits = candidate_rows.read_contaminated_rows(sets, measures, sources.contamination)
    return lambda rows: _reject(rows.join(hits, on="id"), "contaminated", "hit")


def _build_duplicate_filters(select: Select, names: Sequence[str], sources: Sources, seed: int) -> list[Step]:
    """Build the steps that reject a row because of its similarity to a better one."""
    near, similarity = select.deduplicate.near, select.deduplicate.embedding
    steps: list[Step] = [deduplicate.find_exact_duplicates] if select.deduplicate.exact else []
    if near is not None:

        def nearly(rows: pl.DataFrame) -> pl.DataFrame:
            placed = rows.select("id", "pool").with_row_index("place")
            columns = ["history", "instruction", "input"]
            batches = candidate_rows.text_batches(placed, names, sources.responses, columns)
            asked = (texts.select("place", candidate_rows.join_asked_text()) for texts in batches)
            return deduplicate.find_near_duplicates(rows["id"], asked, near, seed)

        steps.append(nearly)
    if similarity is not None or select.diversity_filter is not None:
        steps.append(lambda rows: _reject(_find_unembedded(rows, names, sources), "no embedding"))
    if similarity is not None:
        steps.append(
            lambda rows: deduplicate.find_embedding_duplicates(
                rows, _read_vectors(rows, names, sources), similarity
            )
        )
    return steps


def select_by_mixture(
    rows: pl.DataFrame,
    select: Select,
    reject: Callable[[pl.DataFrame], None] = lambda lost: None,
    vectors_N_D: np.ndarray | None = None,
) -> pl.DataFrame:
    """Select ordered rows by the mixture; return the selected rows.

    Args:
        rows: id, round, domain, uncut, metric, in order of worth.
        reject: receives the other rows in batches: id, reason, detail.
        vectors_N_D: embeddings of the rows, for the diversity filter.

    Returns:
        At least one row if any can be selected.
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
        near = deduplicate.list_too_near(rows, choice, TOO_NEAR)
    last = rows.filter("kept").group_by("part").agg(last=pl.col("metric").last())
    below = rows.filter(~pl.col("kept")).select("id", "part", "metric")
    if near is not None:
        reject(near)
        below = below.join(near, on="id", how="anti", maintain_order="left")
    detail = pl.format("{}, the last kept has {}", pl.col("metric").round(6), pl.col("last").round(6))
    for some in below.iter_slices(AT_A_TIME):
        shown = some.join(last, on="part", how="left", maintain_order="left").with_columns(detail=detail)
        reject(_reject(shown, BELOW_THE_CUT, "detail"))
    return rows.filter("kept")


def _reject(rows: pl.DataFrame, reason: str, detail: str | None = None) -> pl.DataFrame:
    said = pl.col(detail) if detail else pl.lit("")
    return rows.select("id", reason=pl.lit(reason), detail=said)


def _read_vectors(rows: pl.DataFrame, names: Sequence[str], sources: Sources) -> np.ndarray:
    return candidate_rows.read_embeddings(names, sources.embeddings, rows["id"])


def _find_unembedded(rows: pl.DataFrame, names: Sequence[str], sources: Sources) -> pl.DataFrame:
    missing_N = np.isnan(_read_vectors(rows, names, sources)[:, 0])
    if rows.height and missing_N.all():
        raise BadInput(
            f"no row of {', '.join(names)} has an embedding, which select.diversity_filter and "
            "select.deduplicate.embedding need; set models.embedder, or both to null"
        )
    return rows.filter(pl.Series(missing_N))


def _refuse_unmeasured(asked: Mapping[Metric, str], names: Sequence[str]) -> None:
    """Raise BadInput if params need a metric that no row has. asked: params key by metric."""
    for metric, key in asked.items():
        advice = (
            f"see {all_metrics()[metric].switch}, or choose" if all_metrics()[metric].switch else "choose"
        )
        raise BadInput(
            f"{key} needs {metric}, but no row of {', '.join(names)} has one; {advice} by another metric"
        )
