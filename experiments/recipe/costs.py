"""What a recipe would cost, experiment by experiment, as `python -m evobuild plan` says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from experiments.recipe import runs
from experiments.recipe.design import Experiment
from experiments.recipe.views import NOTHING, line

COLUMNS = ("calls", "stored", "tokens", "cost")


def table(wanted: Sequence[Experiment]) -> str:
    """Ask for each experiment's plan, and lay the sums out, in Markdown.

    Calls and tokens are bounds. Experiments share replies, such as those on the seed, and each plan
    counts them as if it ran first. Raises UserError if DVC cannot tell.
    """
    plans = [runs.plan(each.overrides, each.targets).splitlines() for each in wanted]
    sums = [_sums([json.loads(stage) for stage in plan]) for plan in plans]
    factors = list(wanted[0].labels)
    lines = [line([*factors, *COLUMNS]), line(["---"] * len(factors) + ["---:"] * len(COLUMNS))]
    lines += [line([*each.labels.values(), *_shown(own)]) for each, own in zip(wanted, sums, strict=True)]
    lines.append(line(["all", *[""] * (len(factors) - 1), *_shown(_sums(sums))]))
    return "\n".join(lines) + "\n"


def _sums(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sum what is known; a cost of which a part is unknown is unknown."""
    asked = [row for row in rows if row["calls"] is not None]
    sums = {name: sum(row[name] or 0 for row in asked) for name in COLUMNS}
    unpriced = any(row["cost"] is None for row in asked)
    return sums | ({"cost": None} if unpriced else {})


def _shown(sums: dict[str, Any]) -> list[str]:
    cost = sums["cost"]
    return [f"{sums[name]:,}" for name in COLUMNS[:3]] + [NOTHING if cost is None else f"{cost:,.2f}"]
