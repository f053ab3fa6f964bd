"""Tables of an evolution: failed attempts, replies of the evolver, and the optimization of a method."""

from __future__ import annotations

import polars as pl

FAILURES = pl.Schema(
    {
        "id": pl.String(),
        "row": pl.String(),
        "attempt": pl.Int64(),
        "strategy": pl.String(),
        "operation": pl.String(),
        "domain": pl.String(),
        "reason": pl.String(),
        "detail": pl.String(),
        "reply": pl.String(),
        "top_probability": pl.List(pl.Float32),
    }
)
"""Every failed attempt at an evolution, also of rows that were not lost. row: id of the parent.

strategy, operation: of the child that was tried for.
"""
REPLIES = pl.Schema(
    {
        "id": pl.String(),
        "attempt": pl.Int64(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "reply": pl.String(),
        "top_probability": pl.List(pl.Float32),
        "reasoning": pl.String(),
    }
)
"""The evolver's whole reply, by the id of the child that was read from it. reasoning: what it thought before
its reply, '' if nothing; completion_tokens and top_probability count that in."""
CANDIDATES = pl.Schema(
    {
        "id": pl.String,
        "step": pl.Int64,
        "candidate": pl.Int64,
        "failure_rate": pl.Float64,
        "objective": pl.Float64,
        "difficulty_gain": pl.Float64,
        "rated": pl.Int64,
        "holdout_rate": pl.Float64,
        "rows": pl.Int64,
        "judged": pl.Int64,
        "failures": pl.String,
        "words": pl.Int64,
        "chosen": pl.Boolean,
        "best": pl.Boolean,
        "reason": pl.String,
        "feedback": pl.String,
        "method": pl.String,
    }
)
"""Evolving methods that were evaluated. rows: of the development set, evolved by it; failure_rate is over
`judged` of these, all that a reply came for, and `rated` have a known gain.

chosen: it became e(t). best: it is e*. reason: why the optimizer's replies held no method, else ''.
"""
TRAJECTORIES = pl.Schema(
    {
        "id": pl.String(),
        "step": pl.Int64(),
        "case": pl.Int64(),
        "row": pl.String(),
        "stages": pl.List(pl.String),
        "verdicts": pl.List(pl.String),
    }
)
"""Rows of the mini-batches. stages: the row, then what each round made of it; verdicts: of each round
why it failed, null if it did not."""
CANDIDATE_FAILURES = pl.Schema(
    {
        "id": pl.String,
        "step": pl.Int64,
        "candidate": pl.Int64,
        "among": pl.String,
        "row": pl.String,
        "stage": pl.String,
        "reason": pl.String,
        "detail": pl.String,
        "instruction": pl.String,
        "reply": pl.String,
    }
)
"""Rows that a candidate failed on, and, with the reason NOT_JUDGED, those that no reply came for.
among: development or holdout. stage: evolve or respond. instruction: what was to be evolved or answered."""
NOT_JUDGED = "not judged"

CONTENT = ("code", "tables", "figures")
"""What a child may lack of its parent's."""
