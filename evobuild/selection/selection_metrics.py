"""Compare ranking metrics: which rows each would select alone, among those that reached the cutoff.

All cut the same rows (`compared_rows`) with the same mixture, so that only the metric differs; the diversity
filter is not applied. A metric is compared if more than half of these rows have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core.errors import UserError
from evobuild.core.measures import all_metrics
from evobuild.core.suggestions import unknown_name
from evobuild.selection import candidate_rows, ranks
from evobuild.selection import select as selection
from evobuild.selection.candidate_rows import Sources
from evobuild.selection.compared_rows import count_rows_cut, read_compared_rows
from evobuild.selection.params import ChoiceParams, Metric, Select


class Overlap(NamedTuple):
    """Rows that two metrics both select: their number, their share of the union, and of the first
    one's rows.
    """

    shared: int
    jaccard: float
    share: float


class Bias(NamedTuple):
    """Spearman's rank correlation of a metric with the instruction's length; None if one does not vary.

    tokens: as the scorer counts them. words: as `words` does.
    """

    tokens: float | None
    words: float | None


class Example(NamedTuple):
    """An example row. places: by metric, its value and rank, from 1."""

    id: str
    instruction: str
    places: dict[Metric, tuple[float, int]]


class Group(NamedTuple):
    """Example rows with a title."""

    title: str
    examples: list[Example]


class MetricComparison(NamedTuple):
    """The comparison of ranking metrics.

    every: rows that reached the cutoff. rows: rows compared, of which `kept` were selected. table: see
    `read_compared_rows`.
    """

    every: int
    rows: int
    kept: int
    metrics: list[Metric]
    overlaps: dict[tuple[Metric, Metric], Overlap]
    biases: dict[Metric, Bias]
    groups: list[Group]
    table: pl.DataFrame


class Examples(NamedTuple):
    """Which example rows to list. rows: number of each kind.

    between: the two metrics whose disagreement is shown; by default the one of params, and the one that
    overlaps least with it.
    """

    rows: int
    between: Sequence[Metric] = ()


def compare_selection_metrics(
    params: ChoiceParams, sources: Sources, *, dataset: Path, rejects: Path, examples: Examples
) -> MetricComparison:
    """Compare all metrics that were measured. dataset, rejects: outputs of select.

    Raises BadInput if a table is missing; UserError if a metric of `examples` was not measured.
    """
    table = read_compared_rows(params, sources, dataset=dataset, rejects=rejects)
    every = count_rows_cut(params, table.height, dataset=dataset, rejects=rejects)
    select = _select_as_many(params.select, table.height, every)
    metrics = [name for name, kind in all_metrics().items() if table[kind.column].count() * 2 > table.height]
    for metric in examples.between:
        if metric not in metrics:
            raise UserError(unknown_name("measured metric", metric, metrics))
    sets = {metric: set(choose_by_metric(table, metric, select)) for metric in metrics}
    found = {(one, other): _measure_overlap(sets[one], sets[other]) for one in metrics for other in metrics}
    biases = {metric: _measure_bias(table, metric) for metric in metrics}
    places = _rank_places(table, metrics)
    ids = _pick_ends(places, metrics, examples.rows)
    pair = tuple(examples.between) or _choose_pair(metrics, found, params.select)
    ids |= _pick_disagreements(places, pair, examples.rows)
    texts = _read_instructions(params, sources, ids)
    groups = _gather_groups(ids, places, metrics, texts)
    return MetricComparison(
        every, table.height, int(table["kept"].sum()), metrics, found, biases, groups, table
    )


def _select_as_many(select: Select, rows: int, every: int) -> Select:
    """Scale `count` so that the same share of the compared rows is selected as of all rows."""
    if select.count is None or rows == every:
        return select
    return select.model_copy(update={"count": max(1, round(select.count * rows / every))})


def choose_by_metric(table: pl.DataFrame, metric: Metric, select: Select) -> pl.Series:
    """Select by one metric alone; return the ids. table: of `read_compared_rows`."""
    ranked = _rank(table, metric)
    return selection.select_by_mixture(ranked, select.model_copy(update={"diversity_filter": None}))["id"]


def _rank(table: pl.DataFrame, metric: Metric) -> pl.DataFrame:
    return ranks.order_by_worth(ranks.add_worth(table, {metric: 1.0}, 0)).filter(
        pl.col("worth").is_not_null()
    )


def _measure_overlap(own: set[str], others: set[str]) -> Overlap:
    shared = len(own & others)
    return Overlap(shared, shared / max(1, len(own | others)), shared / max(1, len(own)))


def _choose_pair(
    metrics: Sequence[Metric], found: dict[tuple[Metric, Metric], Overlap], select: Select
) -> tuple[Metric, ...]:
    mine = next((metric for metric in select.by if metric in metrics), metrics[0] if metrics else None)
    others = [metric for metric in metrics if metric != mine]
    if mine is None or not others:
        return ()
    return mine, min(others, key=lambda other: found[mine, other].jaccard)


def _measure_bias(table: pl.DataFrame, metric: Metric) -> Bias:
    value = ranks.metric_values(table, metric, 0)
    return Bias(*(_spearman(value, table[length]) for length in ("question_tokens", "words")))


def _spearman(one: pl.Series, other: pl.Series) -> float | None:
    both = pl.DataFrame({"one": one, "other": other}).drop_nulls()
    if both["one"].n_unique() < 2 or both["other"].n_unique() < 2:
        return None
    return float(both.select(pl.corr("one", "other", method="spearman")).item())


def _rank_places(table: pl.DataFrame, metrics: Sequence[Metric]) -> pl.DataFrame:
    """Tabulate each row's value in each metric, and in `<metric> place` its rank, from 1."""
    places = table.select("id")
    for metric in metrics:
        ranked = _rank(table, metric).select("id", pl.col("metric").alias(metric))
        numbered = ranked.with_row_index(f"{metric} place", offset=1)
        places = places.join(numbered, on="id", how="left", maintain_order="left")
    return places


def _pick_ends(places: pl.DataFrame, metrics: Sequence[Metric], count: int) -> dict[str, list[str]]:
    """Return ids at both ends of each metric, by title."""
    ids: dict[str, list[str]] = {}
    for metric in metrics:
        ordered = places.drop_nulls(metric).sort(f"{metric} place")["id"]
        ids[f"{metric}: chosen first"] = ordered.head(count).to_list()
        ids[f"{metric}: chosen last"] = ordered.tail(count).reverse().to_list()
    return ids


def _pick_disagreements(places: pl.DataFrame, pair: Sequence[Metric], count: int) -> dict[str, list[str]]:
    """Return ids on which the two metrics of a pair disagree most, either way, by title."""
    ids: dict[str, list[str]] = {}
    for one, other in [pair, pair[::-1]] if pair else []:
        behind = pl.col(f"{other} place").cast(pl.Int64) - pl.col(f"{one} place").cast(pl.Int64)
        apart = places.drop_nulls([one, other]).sort(behind, "id", descending=[True, False])
        ids[f"{one} would choose, {other} would not"] = apart["id"].head(count).to_list()
    return ids


def _read_instructions(
    params: ChoiceParams, sources: Sources, ids: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    names = params.select.list_pools(params.pools)
    wanted = pl.Series("id", sorted({key for keys in ids.values() for key in keys}), pl.String)
    return dict(candidate_rows.read_texts(names, sources.responses, wanted, ["instruction"]).iter_rows())


def _gather_groups(
    ids: Mapping[str, Sequence[str]],
    places: pl.DataFrame,
    metrics: Sequence[Metric],
    texts: Mapping[str, str],
) -> list[Group]:
    wanted = pl.Series("id", list(texts), pl.String)
    rows = {row["id"]: row for row in places.filter(pl.col("id").is_in(wanted.implode())).to_dicts()}
    return [
        Group(title, [_example(rows[key], texts[key], metrics) for key in keys])
        for title, keys in ids.items()
    ]


def _example(row: dict[str, float], text: str, metrics: Sequence[Metric]) -> Example:
    known = [metric for metric in metrics if row[metric] is not None]
    return Example(str(row["id"]), text, {name: (row[name], int(row[f"{name} place"])) for name in known})
