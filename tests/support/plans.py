"""A plan as `evobuild plan` prints it into a pipe."""

from __future__ import annotations

from collections.abc import Sequence

from evobuild.cli.plan import plan
from evobuild.cli.plan.stage_estimates import Estimate
from evobuild.process.terminal import aligned


def plan_table(planned: Sequence[Estimate]) -> str:
    """Lay out rows and notes."""
    found = plan.Plan(list(planned))
    rows = plan.format_plan(found) if planned else []
    lines = aligned(rows, range(1, len(plan.HEADER))) if rows else ()
    return "\n".join([*lines, *plan.format_notes(found)])
