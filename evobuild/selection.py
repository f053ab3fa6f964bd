"""The cut: which scored rows make the data set, by one metric and a share.

IFD and IC-IFD keep the highest, as does difficulty; the baselines instruction perplexity and
instruction length keep the lowest (Hui et al. 2024, arXiv:2412.11231, Table 5). Ties go by id.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from evobuild.frame import tables
from evobuild.frame.params import Metric, Select
from evobuild.frame.tables import RATINGS, SCORES

LOWEST: tuple[Metric, ...] = ("perplexity", "length")


def with_metric(rows: pl.DataFrame, metric: Metric, seed: int) -> pl.DataFrame:
    """Add the column `metric`: the value that rows are cut by, null where a row has none.

    rows: id, the columns of a score table, and `difficulty`, each null where it was not measured.
    """
    if metric == "random":
        # By each id's own hash, so that a row's luck does not depend on which others there are.
        return rows.with_columns(pl.Series("metric", [_lot(seed, key) for key in rows["id"]], pl.Float64))
    expression = {"perplexity": pl.col("loss_q").exp(), "length": pl.col("question_tokens")}
    return rows.with_columns(expression.get(metric, pl.col(metric)).cast(pl.Float64).alias("metric"))


def _lot(seed: int, key: str) -> float:
    return int.from_bytes(hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=6).digest(), "big") / 2**48


def cut(rows: pl.DataFrame, params: Select, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep the best share of the rows that can be chosen; give them and the rejects.

    At least one row is kept where any can be chosen. Every row is in exactly one of the two.
    """
    valued = with_metric(rows, params.metric, seed)
    worst_ifd = math.inf if params.max_ifd is None else params.max_ifd
    reason = (
        pl.when(pl.col("metric").is_null())
        .then(pl.lit("no score"))
        .when(pl.col("ifd") > worst_ifd)
        .then(pl.lit("IFD too high"))
        .otherwise(None)
    )
    judged = valued.with_columns(reason.alias("reason"))
    order = judged.filter(pl.col("reason").is_null()).sort(
        ["metric", "id"], descending=[params.metric not in LOWEST, False]
    )
    kept = order.head(max(1, round(order.height * params.share)))
    lost = pl.concat(
        [
            judged.filter(pl.col("reason").is_not_null()).select("id", "reason", "metric"),
            order.tail(order.height - kept.height).select(
                "id", pl.lit("below the cut").alias("reason"), "metric"
            ),
        ]
    )
    detail = pl.col("metric").round(6).cast(pl.String).fill_null("")
    rejects = lost.select("id", "reason", detail.alias("detail"), pl.lit("").alias("reply"))
    return kept.drop("reason"), rejects.match_to_schema(tables.REJECTS)


def gather(names: Sequence[str], responses: Path, scores: Path, ratings: Path) -> pl.DataFrame:
    """Put the answered rows of some pools, their scores and their difficulty side by side, by id.

    What a row was not given is null. Names come from params: a file of a removed round stays unread.
    """
    parts = []
    for name in names:
        rows = tables.read(responses / f"{name}.parquet", tables.INSTRUCTIONS)
        scored = tables.read(scores / f"{name}.parquet", SCORES)
        rated = tables.read(ratings / f"{name}.parquet", RATINGS)
        parts.append(
            rows.join(scored, on="id", how="left").join(
                rated.select("id", pl.col("level"), pl.col("score").alias("difficulty")), on="id", how="left"
            )
        )
    return pl.concat(parts)
