"""Selected rows against the others: what the report draws of them, and the rows behind its points.

Above POINTS rows, a sample by id is used, always the same; languages and lengths are computed for these
alone. A row counts as selected if it is in the data set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl
from markupsafe import Markup

from evobuild.core import tables
from evobuild.core.draws import draw_lowest
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import all_metrics
from evobuild.reporting import overlaid_charts
from evobuild.reporting.explorer import short_number
from evobuild.reporting.outcomes import Tables
from evobuild.reporting.params import ReportParams
from evobuild.selection import candidate_rows
from evobuild.text.language import detect_language
from evobuild.text.words import count_words

POINTS = 2_000
"""Rows that are drawn."""
UNKNOWN = "unknown"
"""The language of a text that does not tell."""
WORDS = "words"


class Drawn(NamedTuple):
    """Rows of the report's charts. table: id, pool, domain, kept, words, language, and every metric.

    rows: how many there are of which these were drawn. metrics: those that any of the rows has, with labels.
    """

    table: pl.DataFrame
    rows: int
    metrics: Mapping[str, str]


def sample_rows(params: ReportParams, where: Tables) -> Drawn:
    """Draw rows of all pools. Raises BadInput if a table is missing or not as it should be."""
    pools = list(params.pools)
    sources = candidate_rows.Sources(where.rounds, where.responses, where.measures)
    found: list[pl.DataFrame] = []
    every = 0
    for batch in candidate_rows.candidate_batches(pools, sources):
        # The lowest of all are among the lowest so far.
        found = [_sample_points(pl.concat([*found, batch.drop("pool")]), params.random_seed)]
        every += batch.height
    (drawn,) = found
    chosen = pl.col("id").is_in(drawn["id"].implode())
    kept = tables.read(where.dataset, INSTRUCTIONS, ["id"], where=chosen).with_columns(kept=True)
    drawn = drawn.join(kept, on="id", how="left").with_columns(pl.col("kept").fill_null(value=False))
    texts = candidate_rows.read_texts(pools, where.rounds, drawn["id"], ["instruction"])
    told = texts.select(
        "id",
        pl.Series(WORDS, map(count_words, texts["instruction"]), pl.Float64),
        pl.Series("language", [detect_language(text) or UNKNOWN for text in texts["instruction"]], pl.String),
    )
    values = [metric.expression.cast(pl.Float64).alias(name) for name, metric in all_metrics().items()]
    table = drawn.join(told, on="id", how="left").sort("id")
    table = table.select("id", "domain", "kept", WORDS, "language", *values, pool="round")
    unknown = [name for name in all_metrics() if not table[name].count()]
    labels = {name: metric.label or name for name, metric in all_metrics().items() if name not in unknown}
    return Drawn(table.drop(unknown), every, {WORDS: "length (words)"} | labels)


def _sample_points(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    ids = draw_lowest(rows["id"], POINTS, seed, "points", by=str)
    return rows.filter(pl.col("id").is_in(pl.Series(ids, dtype=pl.String).implode()))


def chart_of_selected(drawn: Drawn, pools: Sequence[str]) -> Markup:
    """Draw length, difficulty, language and domain of selected rows over those of the others, as shares.

    pools: those that the data set was chosen from. Nothing where none of the rows is of them.
    """
    rows = drawn.table.filter(pl.col("pool").is_in(pools))
    numbers = {drawn.metrics[name]: name for name in (WORDS, "difficulty") if name in drawn.metrics}
    panels: dict[str, overlaid_charts.Panel] = {
        label: overlaid_charts.Panel(*(_values(rows, name, kept) for kept in (True, False)))
        for label, name in numbers.items()
    }
    panels |= {
        name: overlaid_charts.Panel(*(rows.filter(kept=kept)[name] for kept in (True, False)))
        for name in ("language", "domain")
    }
    return overlaid_charts.plot_selected_over_others(panels) if rows.height else Markup()


def _values(rows: pl.DataFrame, name: str, kept: bool) -> pl.Series:
    return rows.filter(kept=kept)[name].drop_nulls()


def points(drawn: Drawn, pools: Sequence[str]) -> Markup:
    """The rows as data for the page's script: JSON in ASCII without a `<`.

    Instance: {"rows": 460, "pools": ["r0", "r1"], "metrics": {"words": "length (words)"}, "id": ["a1"],
    "pool": [1], "kept": [1], "values": {"words": [12.0]}}
    """
    table = drawn.table
    content: dict[str, Any] = {
        "rows": drawn.rows,
        "pools": list(pools),
        "metrics": dict(drawn.metrics),
        "id": table["id"].to_list(),
        "pool": [list(pools).index(pool) for pool in table["pool"]],
        "kept": table["kept"].cast(pl.Int8).to_list(),
        "values": {name: [short_number(value) for value in table[name]] for name in drawn.metrics},
    }
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))
