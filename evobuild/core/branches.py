"""Branches: pools that are not evolved, each made by steps of its own. Where those leave what they count.

The only one is `autoif`. Its steps count what they handle: lines, replies, constraints or rows. So
ledgers of one branch have units of their own, and the funnel says them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

STEPS = {
    "augment": "constraints proposed",
    "verifiers": "replies with a function",
    "crosscheck": "constraints",
    "backtranslate": "functions",
    "nli": "constraints",
    "compose": "seed rows",
    "answers": "replies",
    "verify": "answers",
    "quality": "rows",
}
"""The steps in order, and what each counts."""
ASKING = ("augment", "verifiers", "backtranslate", "answers", "quality")
"""Those that ask chat models."""
LAST = "quality"
"""The step that gives the pool."""


NOT_DRAWN = "not drawn"
"""Why a step drops what is good enough, since it was to keep only so many."""


class Step(NamedTuple):
    """A step of a branch: what came in, out and was lost by reason, in its own unit. off: it is skipped."""

    branch: str
    name: str
    unit: str
    rows_in: int
    rows_out: int
    rejects: dict[str, int]
    off: bool

    @property
    def passed(self) -> int:
        """What nothing spoke against: what came out, and what was only not drawn."""
        return self.rows_out + self.rejects.get(NOT_DRAWN, 0)

    @property
    def share(self) -> float | None:
        """What passed of what came in; None if nothing did, or nothing looked at it."""
        return self.passed / self.rows_in if self.rows_in and not self.off else None


def stem(step: str, branch: str) -> str:
    """The name of a step's rejects, ledger and usage: "augment-autoif"."""
    return f"{step}-{branch}"


def addresses(branches: Iterable[str]) -> list[str]:
    """What DVC calls the steps: "augment@autoif", …"""
    return [f"{step}@{branch}" for branch in branches for step in STEPS]


def funnel(branch: str, ledgers: Mapping[str, Any]) -> list[Step]:
    """The steps of a branch in order. ledgers: by step."""
    return [
        Step(branch, name, unit, each["in"], each["out"], each["rejects"], each.get("off", False))
        for name, unit in STEPS.items()
        for each in [ledgers[name]]
    ]


def read(counts: Path, branches: Sequence[str]) -> dict[str, list[Step]]:
    """The funnel of each branch, from its ledgers."""
    return {
        branch: funnel(
            branch,
            {
                step: json.loads((counts / f"{stem(step, branch)}.json").read_text(encoding="utf-8"))
                for step in STEPS
            },
        )
        for branch in branches
    }


def figures(found: Mapping[str, Sequence[Step]]) -> dict[str, Any]:
    """What each step kept, and its share: {"autoif": {"kept": {"augment": 49, …}, "share": {…}}}."""
    return {
        branch: {
            "kept": {step.name: step.rows_out for step in steps},
            "share": {step.name: None if step.share is None else round(step.share, 4) for step in steps},
        }
        for branch, steps in found.items()
    }


def lines(found: Mapping[str, Sequence[Step]]) -> list[dict[str, object]]:
    """The funnels as lines of a table to plot; a step that is off has none."""
    return [
        {"branch": branch, "step": step.name, "unit": step.unit, "in": step.rows_in,
         "passed": step.passed, "out": step.rows_out, "share": round(step.share, 4)}
        for branch, steps in found.items()
        for step in steps
        if step.share is not None
    ]  # fmt: skip
