"""Estimate tokens, seconds and cost of calls to one model, from its earlier replies or else assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from evobuild.cli.plan.amounts import Amount
from evobuild.cli.plan.earlier_replies import EarlierReplies
from evobuild.cli.plan.planned_calls import PlannedCalls
from evobuild.cli.plan.planned_rows import PlannedRows
from evobuild.cli.plan.speeds import Speeds, Time
from evobuild.core.machine import Machine, Price


class CountedCalls(NamedTuple):
    """Calls to one role's model. prompts: counted tokens, 0 if unknown. written: tokens of replies at
    most.
    """

    asking: PlannedCalls
    prompts: int
    written: int


class CallCost(NamedTuple):
    """Tokens, time and price of calls to one model. written: tokens of replies at most."""

    model: str
    calls: Amount
    prompts: float
    replies: float
    most_prompts: float
    written: int
    measured: bool
    time: Time
    price: Price | None

    @property
    def tokens(self) -> float:
        """Expected tokens of prompts and replies."""
        return self.prompts + self.replies

    @property
    def most_tokens(self) -> float:
        """Tokens of prompts and replies at most."""
        return self.most_prompts + self.written


def sum_costs(taken: Sequence[CallCost]) -> tuple[float | None, float | None]:
    """Sum the expected cost and the bound; None if a price is unknown."""
    cost = most = 0.0
    for each in taken:
        if each.price is None:
            return None, None
        cost += (each.price.prompt * each.prompts + each.price.completion * each.replies) / 1e6
        most += (each.price.prompt * each.most_prompts + each.price.completion * each.written) / 1e6
    return (cost, most) if taken else (None, None)


class CallEstimator:
    """Estimates costs from prices, earlier replies and planned rows."""

    def __init__(self, settings: Machine, replies: EarlierReplies, rows: PlannedRows) -> None:
        self._machine = settings
        self._replies = replies
        self._rows = rows
        self._speeds = Speeds(settings)

    def estimate_cost(self, counted: CountedCalls, stage: str) -> CallCost:
        """Estimate tokens, time and price of a stage's calls to one model."""
        asking = counted.asking
        average = self._replies.find_average(asking.model, asking.role, stage)
        calls, prompt = asking.calls, average.prompt if average else asking.prompt
        if counted.prompts and calls.expected:
            prompt = counted.prompts / calls.expected
        reply = min(average.completion, asking.most) if average else asking.reply
        written = counted.written or calls.most * asking.most
        time = self._time(asking, average.seconds if average else None, reply)
        price = self._machine.price(asking.model)
        return CallCost(
            model=asking.model,
            calls=calls,
            prompts=calls.expected * prompt,
            replies=min(calls.expected * reply, written),
            most_prompts=calls.most * prompt,
            written=written,
            measured=average is not None,
            time=time,
            price=price,
        )

    def _time(self, asking: PlannedCalls, measured: float | None, reply: float) -> Time:
        """Estimate the time of calls: by the model's measured time per call, else per token, else assumed."""
        calls = asking.calls.expected
        if measured is not None:
            return Time(calls * measured)
        if (each := self._replies.seconds_per_token(asking.model)) is not None:
            return Time(calls * reply * each)
        return self._speeds.estimate_calls(self._rows, asking, calls, reply)
