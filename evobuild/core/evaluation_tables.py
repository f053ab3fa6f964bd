"""Tables of evaluation sets: replies to benchmarks, compared answers, and text that rows share with a set."""

from __future__ import annotations

import polars as pl

EVALUATION = pl.Schema(
    {
        "id": pl.String(),
        "model": pl.String(),
        "benchmark": pl.String(),
        "item": pl.String(),
        "group": pl.String(),
        "part": pl.Int64(),
        "prompt": pl.String(),
        "reply": pl.String(),
        "score": pl.Float64(),
        "checks": pl.List(pl.Struct({"name": pl.String, "value": pl.Float64})),
        "judgment": pl.String(),
    }
)
"""Replies of a model to benchmarks. item: its id in its benchmark. part: its turn, or its sample, from 1.
prompt: what was asked last. score: null if it is unknown. checks: verdicts by name, 1 passed, 0 failed, or
what was measured; null is unknown. judgment: the judge's reply, if there is a judge."""

COMPARISONS = pl.Schema(
    {
        "id": pl.String,
        "benchmark": pl.String,
        "item": pl.String,
        "part": pl.Int64,
        "a": pl.String,
        "b": pl.String,
        "verdict": pl.String,
        "consistent": pl.Boolean,
        "first": pl.String,
        "second": pl.String,
    }
)
"""Answers of models a and b that a judge saw side by side. verdict: win, tie or lose of a; null if the judge
could not be read. consistent: whether it said the same in both orders. first, second: its replies to them."""

CONTAMINATION = pl.Schema(
    dict.fromkeys(("id", "row", "pool", "set", "place", "measure", "overlap", "evaluation"), pl.String)
)
"""Text that rows share with an evaluation set, at most one hit a row and measure. place, evaluation: where
the evaluation row is in its file, and its text. overlap: what is shared, normalised."""
