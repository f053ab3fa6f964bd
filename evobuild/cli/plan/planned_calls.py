"""What a stage asks of one model: how many calls, of how many tokens each."""

from __future__ import annotations

from typing import NamedTuple

from evobuild.cli.plan.amounts import Amount


class PlannedCalls(NamedTuple):
    """Calls of one role's model. prompt, reply: tokens of a call as expected; most: of a reply at most."""

    model: str
    role: str
    calls: Amount
    prompt: float
    reply: float
    most: int
