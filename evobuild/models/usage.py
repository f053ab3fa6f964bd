"""What a stage asked of a model, the same in every run; and what that took: calls, tokens, seconds, cost."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evobuild.core.chat import Reply
from evobuild.core.machine import Budget, Price

TOKENS = ("prompt_tokens", "completion_tokens", "cached_prompt_tokens", "cached_completion_tokens")
COUNTS = ("calls", "cached", "failed", *TOKENS)
ASKED = ("requests", "prompt_tokens", "completion_tokens")


class Usage:
    """Counts by purpose, and the seconds spent waiting for the engine.

    calls: really made, in this run and in interrupted ones before it. cached: replies from
    the reply cache in this run. failed: calls that ended in an error. Tokens of calls are paid for, those of
    cached replies were.
    """

    def __init__(self, model: str, role: str = "", price: Price | None = None) -> None:
        self.model = model
        self.role = role
        self.seconds = 0.0
        self._price = price
        self._counts: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
        self._asked: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(ASKED, 0))

    def count(self, purpose: str, reply: Reply) -> None:
        """Add one reply."""
        counts = self._counts[purpose]
        counts["cached" if reply.cached else "calls"] += 1
        if reply.error is not None:
            counts["failed"] += 1
        kind = "cached_" if reply.cached else ""
        written = sum(choice.tokens for choice in reply.choices)
        counts[f"{kind}prompt_tokens"] += reply.prompt_tokens
        counts[f"{kind}completion_tokens"] += written
        asked = self._asked[purpose]
        asked["requests"] += 1
        asked["prompt_tokens"] += reply.prompt_tokens
        asked["completion_tokens"] += written

    def total(self, name: str) -> int:
        """Sum one of COUNTS over all purposes."""
        return sum(counts[name] for counts in self._counts.values())

    @property
    def cost(self) -> float | None:
        """What the calls cost by the price table, None where it has no price for the model."""
        if self._price is None:
            return None
        prompt = self._price.prompt * self.total("prompt_tokens")
        return (prompt + self._price.completion * self.total("completion_tokens")) / 1e6

    def spent(self, budget: Budget, in_flight: int = 0) -> str | None:
        """Say which part of a budget is used up, None while there is some left of all.

        in_flight: calls that are made already and not yet counted.
        """
        tokens = self.total("prompt_tokens") + self.total("completion_tokens")
        spent = {"calls": self.total("calls") + in_flight, "tokens": tokens, "cost": self.cost or 0.0}
        for name, amount in spent.items():
            limit = getattr(budget, name)
            if limit is not None and amount >= limit:
                return f"{amount:,.4g} of {limit:,.4g} {name}"
        return None

    def carry_on(self, earlier: dict[str, Any]) -> None:
        """Add what an interrupted run had already spent, as its progress file tells."""
        self.seconds += earlier["seconds"]
        for purpose, counts in earlier["purposes"].items():
            for name in COUNTS:
                if not name.startswith("cached"):
                    self._counts[purpose][name] += counts[name]

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Time what is done inside."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - began

    def asked(self) -> dict[str, Any]:
        """What was asked in this run, kept replies included: the same whatever was kept before."""
        purposes = {purpose: dict(asked) for purpose, asked in sorted(self._asked.items())}
        return {"role": self.role, "model": self.model, "purposes": purposes}

    def taken(self) -> dict[str, Any]:
        """What it took, as a progress file has it; seconds rounded to 0.01, cost null without a price."""
        return {
            "role": self.role,
            "model": self.model,
            "seconds": round(self.seconds, 2),
            "cost": None if self.cost is None else round(self.cost, 6),
            "purposes": {purpose: dict(counts) for purpose, counts in sorted(self._counts.items())},
        }
