"""The metrics side by side: which rows each alone would choose of those that got as far as the cut.

All cut the same rows (`compared_rows`) by the same mixture, so that only the metric differs; the diversity
filter is left out. A metric counts if more than half of these rows have it.
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
    """What two metrics choose alike: rows, their share of what either chooses, and of what the first does."""

    shared: int
    jaccard: float
    share: float


class Bias(NamedTuple):
    """Spearman's rank correlation of a metric with the instruction's length; None where one does not vary.

    tokens: as the scorer counts them. words: as `words` does.
    """

    tokens: float | None
    words: float | None


class Example(NamedTuple):
    """A row to look at. places: by metric its value, and where it ranks, 1 being chosen first."""

    id: str
    instruction: str
    places: dict[Metric, tuple[float, int]]


class Group(NamedTuple):
    """Rows that show something; title says what."""

    title: str
    examples: list[Example]


class Comparison(NamedTuple):
    """The metrics side by side.

    every: the rows that got as far as the cut. rows: those that are compared, of which `kept` were chosen.
    table: see `read_compared_rows`.
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
    """Which rows to look at. rows: how many of each kind.

    between: the two metrics whose disagreement is shown; else the one that is chosen by, and that with
    which it shares least.
    """

    rows: int
    between: Sequence[Metric] = ()


def compare_metrics(
    params: ChoiceParams, sources: Sources, *, dataset: Path, rejects: Path, examples: Examples
) -> Comparison:
    """Compare all metrics that were measured. dataset, rejects: what select wrote.

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
    found = {(one, other): _overlap(sets[one], sets[other]) for one in metrics for other in metrics}
    biases = {metric: _bias(table, metric) for metric in metrics}
    places = _rank_places(table, metrics)
    ids = _pick_ends(places, metrics, examples.rows)
    pair = tuple(examples.between) or _rivals(metrics, found, params.select)
    ids |= _pick_disagreements(places, pair, examples.rows)
    texts = _read_instructions(params, sources, ids)
    groups = _gather_groups(ids, places, metrics, texts)
    return Comparison(every, table.height, int(table["kept"].sum()), metrics, found, biases, groups, table)


def _select_as_many(select: Select, rows: int, every: int) -> Select:
    """Choose the same share of some of the rows as of all."""
    if select.count is None or rows == every:
        return select
    return select.model_copy(update={"count": max(1, round(select.count * rows / every))})


def choose_by_metric(table: pl.DataFrame, metric: Metric, select: Select) -> pl.Series:
    """Choose by a metric alone; give the ids. table: of `read_compared_rows`."""
    ranked = _ranked(table, metric)
    return selection.cut_by_mixture(ranked, select.model_copy(update={"diversity_filter": None}))["id"]


def _ranked(table: pl.DataFrame, metric: Metric) -> pl.DataFrame:
    return ranks.order_by_worth(ranks.add_worth(table, {metric: 1.0}, 0)).filter(
        pl.col("worth").is_not_null()
    )


def _overlap(own: set[str], others: set[str]) -> Overlap:
    shared = len(own & others)
    return Overlap(shared, shared / max(1, len(own | others)), shared / max(1, len(own)))


def _rivals(
    metrics: Sequence[Metric], found: dict[tuple[Metric, Metric], Overlap], select: Select
) -> tuple[Metric, ...]:
    mine = next((metric for metric in select.by if metric in metrics), metrics[0] if metrics else None)
    others = [metric for metric in metrics if metric != mine]
    if mine is None or not others:
        return ()
    return mine, min(others, key=lambda other: found[mine, other].jaccard)


def _bias(table: pl.DataFrame, metric: Metric) -> Bias:
    value = ranks.metric_values(table, metric, 0)
    return Bias(*(_spearman(value, table[length]) for length in ("question_tokens", "words")))


def _spearman(one: pl.Series, other: pl.Series) -> float | None:
    both = pl.DataFrame({"one": one, "other": other}).drop_nulls()
    if both["one"].n_unique() < 2 or both["other"].n_unique() < 2:
        return None
    return float(both.select(pl.corr("one", "other", method="spearman")).item())


def _rank_places(table: pl.DataFrame, metrics: Sequence[Metric]) -> pl.DataFrame:
    """Of each row its value in each metric, and in `<metric> place` where it ranks, 1 being chosen first."""
    places = table.select("id")
    for metric in metrics:
        ranked = _ranked(table, metric).select("id", pl.col("metric").alias(metric))
        numbered = ranked.with_row_index(f"{metric} place", offset=1)
        places = places.join(numbered, on="id", how="left", maintain_order="left")
    return places


def _pick_ends(places: pl.DataFrame, metrics: Sequence[Metric], count: int) -> dict[str, list[str]]:
    """Ids at both ends of each metric, by the title of their group."""
    ids: dict[str, list[str]] = {}
    for metric in metrics:
        ordered = places.drop_nulls(metric).sort(f"{metric} place")["id"]
        ids[f"{metric}: chosen first"] = ordered.head(count).to_list()
        ids[f"{metric}: chosen last"] = ordered.tail(count).reverse().to_list()
    return ids


def _pick_disagreements(places: pl.DataFrame, pair: Sequence[Metric], count: int) -> dict[str, list[str]]:
    """Ids on which the two metrics of a pair disagree most, either way, by the title of their group."""
    ids: dict[str, list[str]] = {}
    for one, other in [pair, pair[::-1]] if pair else []:
        behind = pl.col(f"{other} place").cast(pl.Int64) - pl.col(f"{one} place").cast(pl.Int64)
        apart = places.drop_nulls([one, other]).sort(behind, "id", descending=[True, False])
        ids[f"{one} would choose, {other} would not"] = apart["id"].head(count).to_list()
    return ids


def _read_instructions(
    params: ChoiceParams, sources: Sources, ids: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    names = params.select.pools_read(params.pools)
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
