"""`evobuild usage`: format calls, tokens, time and cost so far, by stage and role.

They come from the journal of usage: in total, and of each stage's last run. Cached replies cost nothing. The
cost of an interrupted run is carried over to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evobuild.core.errors import UserError
from evobuild.models import progress, usage_journal

COUNTS = ("calls", "cached", "failed", "prompt_tokens", "completion_tokens")
HEADER = (
    "task",
    "role",
    "calls",
    "cached",
    "failed",
    "prompt tokens",
    "completion tokens",
    "seconds",
    "cost",
)


def format_usage() -> dict[str, list[list[str]]]:
    """Build tables of the usage of each task and role, with sums, by title; headers first.

    Raises UserError if nothing ran.
    """
    runs = usage_journal.read_runs(progress.FOLDER)
    if not runs:
        raise UserError(f"{usage_journal.usage_file()} holds nothing: no stage has asked a chat model here")
    parts = {"In total": runs, "In the last run of each": usage_journal.last_runs(runs)}
    return {title: _build_table(own) for title, own in parts.items()}


def _build_table(runs: Iterable[usage_journal.Record]) -> list[list[str]]:
    rows: dict[tuple[str, str], list[Any]] = {}
    for run in runs:
        row = rows.setdefault((run["task"], run["role"]), [0] * 6 + [None])
        purposes = run["purposes"].values()
        counts = [sum(purpose[name] for purpose in purposes) for name in COUNTS]
        row[:6] = [so_far + more for so_far, more in zip(row, [*counts, run["seconds"]], strict=False)]
        row[6] = row[6] if run["cost"] is None else (row[6] or 0) + run["cost"]
    costs = [row[6] for row in rows.values() if row[6] is not None]
    sums = [sum(row[place] for row in rows.values()) for place in range(6)]
    every = [*([*key, *row] for key, row in sorted(rows.items()))]
    every.append(["all", "", *sums, sum(costs) if costs else None])
    shown = [
        [*row[:2], *(f"{count:,}" for count in row[2:7]), f"{row[7]:,.2f}", _format_cost(row[8])]
        for row in every
    ]
    return [[*HEADER], *shown]


def _format_cost(cost: float | None) -> str:
    return "–" if cost is None else f"{cost:,.4f}"
