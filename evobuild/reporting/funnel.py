"""The funnel of a branch: what each of its steps let through, in the units of `core/stages.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.reasons import NOT_DRAWN
from evobuild.core.stages import OF_BRANCHES, file_stem

LINES = ("branch", "step", "unit", "in", "passed", "out", "share")
"""The columns of a table of funnels."""


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


def branch_funnel(branch: str, ledgers: Mapping[str, Any]) -> list[Step]:
    """The steps of a branch in order. ledgers: by step."""
    return [
        Step(branch, name, unit, each["in"], each["out"], each["rejects"], each.get("off", False))
        for name, _, _, unit in OF_BRANCHES
        for each in [ledgers[name]]
    ]


def read_funnels(counts: Path, branches: Sequence[str]) -> dict[str, list[Step]]:
    """The funnel of each branch, from its ledgers."""
    return {
        branch: branch_funnel(
            branch,
            {
                step.name: json.loads(
                    (counts / f"{file_stem(step.name, branch)}.json").read_text(encoding="utf-8")
                )
                for step in OF_BRANCHES
            },
        )
        for branch in branches
    }


def funnel_figures(found: Mapping[str, Sequence[Step]]) -> dict[str, Any]:
    """What each step kept, and its share: {"autoif": {"kept": {"augment": 49, …}, "share": {…}}}."""
    return {
        branch: {
            "kept": {step.name: step.rows_out for step in steps},
            "share": {step.name: None if step.share is None else round(step.share, 4) for step in steps},
        }
        for branch, steps in found.items()
    }


def funnel_lines(found: Mapping[str, Sequence[Step]]) -> list[dict[str, object]]:
    """The funnels as lines of a table to plot, with LINES; a step that is off has none."""
    return [
        {"branch": branch, "step": step.name, "unit": step.unit, "in": step.rows_in,
         "passed": step.passed, "out": step.rows_out, "share": round(step.share, 4)}
        for branch, steps in found.items()
        for step in steps
        if step.share is not None
    ]  # fmt: skip
