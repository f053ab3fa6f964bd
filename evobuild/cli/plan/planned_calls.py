"""The calls of a stage to one model: their number, and the tokens of each."""

from __future__ import annotations

from typing import NamedTuple

from evobuild.cli.plan.amounts import Amount


class PlannedCalls(NamedTuple):
    """Calls to one role's model. prompt, reply: expected tokens per call; most: tokens of a reply at most."""

    model: str
    role: str
    calls: Amount
    prompt: float
    reply: float
    most: int
