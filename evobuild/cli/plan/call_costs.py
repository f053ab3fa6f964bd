"""What the calls of one model take: tokens, seconds and cost, by its replies so far, else as assumed."""

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
    """Calls of one role's model whose number and prompts are counted. written: tokens of replies at most."""

    asking: PlannedCalls
    prompts: int
    written: int


class CallCost(NamedTuple):
    """What calls of one model take. written: tokens of replies at most."""

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
        """Of prompts and replies, as expected."""
        return self.prompts + self.replies

    @property
    def most_tokens(self) -> float:
        """Of prompts and replies at most."""
        return self.most_prompts + self.written


def sum_costs(taken: Sequence[CallCost]) -> tuple[float | None, float | None]:
    """Cost as expected and at most; None where a price is not known."""
    cost = most = 0.0
    for each in taken:
        if each.price is None:
            return None, None
        cost += (each.price.prompt * each.prompts + each.price.completion * each.replies) / 1e6
        most += (each.price.prompt * each.most_prompts + each.price.completion * each.written) / 1e6
    return (cost, most) if taken else (None, None)


class CallEstimator:
    """Knows the machine, what earlier replies were like, and the rows that are planned."""

    def __init__(self, settings: Machine, replies: EarlierReplies, rows: PlannedRows) -> None:
        self._machine = settings
        self._replies = replies
        self._rows = rows
        self._speeds = Speeds(settings)

    def estimate_cost(self, counted: CountedCalls, stage: str) -> CallCost:
        """What calls of one model take."""
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
        """Seconds of calls: as measured of this model, by its call, else by its token; else assumed."""
        calls = asking.calls.expected
        if measured is not None:
            return Time(calls * measured)
        if (each := self._replies.seconds_per_token(asking.model)) is not None:
            return Time(calls * reply * each)
        return self._speeds.estimate_calls(self._rows, asking, calls, reply)
