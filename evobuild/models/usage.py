"""What a stage asked of a model, the same in every run; and what that took: calls, tokens, seconds, cost."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evobuild.core.chat import Reply
from evobuild.core.machine import Budget, Price

TOKENS = ("prompt_tokens", "completion_tokens", "cached_prompt_tokens", "cached_completion_tokens")
COUNTS = ("calls", "cached", "failed", *TOKENS)
NO_BUDGET = "the budget of machine.yaml is spent"
"""Why a request was not tried again."""
ASKED = ("requests", "prompt_tokens", "completion_tokens")


class RequestMeter:
    """What one request takes, counted as it is sent, on whatever thread."""

    def __init__(self, usage: Usage, purpose: str) -> None:
        self._usage, self._purpose = usage, purpose
        self._calls = 0

    def send(self) -> bool:
        """Count one more call; False, and none is to be made, where the budget leaves no further one.

        The first is always allowed: the budget had room for it when the request was made.
        """
        allowed = self._usage.add_call(self._purpose, is_first=not self._calls)
        self._calls += allowed
        return allowed

    def discard(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Count the tokens of a reply that comes to nothing."""
        self._usage.add_tokens(self._purpose, prompt_tokens, completion_tokens)

    def finish(self) -> None:
        """Take note that there is a reply: an engine that sends nothing has made one call for it."""
        if not self._calls:
            self.send()


class Usage:
    """Counts by purpose, and the seconds spent waiting for the engine.

    calls: really sent, retries among them, in this run and in interrupted ones before it. cached: replies
    from the reply cache in this run. failed: requests that ended in an error in this run. put: replies that
    this run has put into the cache. Tokens of calls are paid for, whether their reply was of use or not; of
    cached replies they were. budget: what may be sent. written: tokens that replies to come may have at most,
    where calls are only counted. identity: the model as its engine names it, with the commit or content that
    it is.
    """

    def __init__(
        self,
        model: str,
        role: str = "",
        price: Price | None = None,
        budget: Budget | None = None,
        identity: str = "",
    ) -> None:
        self.model = model
        self.identity = identity
        self.role = role
        self.seconds = 0.0
        self.written = self.put = 0
        self._price = price
        self._budget = budget or Budget()
        self._lock = threading.RLock()
        self._promised = 0
        self._counts: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
        self._asked: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(ASKED, 0))

    def meter(self, purpose: str) -> RequestMeter:
        """Give a new request what its calls are counted by; one call is promised to it."""
        with self._lock:
            self._promised += 1
        return RequestMeter(self, purpose)

    def add_call(self, purpose: str, is_first: bool) -> bool:
        """Count a call, if it is a request's first or the budget leaves one more; whether it does."""
        with self._lock:
            self._promised -= is_first
            if not is_first and self.spent():
                return False
            self._counts[purpose]["calls"] += 1
            return True

    def add_tokens(self, purpose: str, prompt_tokens: int, completion_tokens: int, kind: str = "") -> None:
        """Count tokens that were paid for now, or, if kind is `cached_`, once."""
        with self._lock:
            self._counts[purpose][f"{kind}prompt_tokens"] += prompt_tokens
            self._counts[purpose][f"{kind}completion_tokens"] += completion_tokens

    def count(self, purpose: str, reply: Reply) -> None:
        """Add one reply; the calls that it took are counted by its meter."""
        written = sum(choice.tokens for choice in reply.choices)
        self.add_tokens(purpose, reply.prompt_tokens, written, "cached_" if reply.cached else "")
        with self._lock:
            self._counts[purpose]["cached"] += reply.cached
            self._counts[purpose]["failed"] += reply.error is not None
        asked = self._asked[purpose]
        asked["requests"] += 1
        asked["prompt_tokens"] += reply.prompt_tokens
        asked["completion_tokens"] += written

    def total(self, name: str) -> int:
        """Sum one of COUNTS over all purposes."""
        with self._lock:
            return sum(counts[name] for counts in self._counts.values())

    @property
    def cost(self) -> float | None:
        """What the calls cost by the price table, None where it has no price for the model."""
        if self._price is None:
            return None
        prompt = self._price.prompt * self.total("prompt_tokens")
        return (prompt + self._price.completion * self.total("completion_tokens")) / 1e6

    @property
    def requests(self) -> int:
        """Replies counted in this run, kept ones among them: the same whatever was kept before."""
        return sum(asked["requests"] for asked in self._asked.values())

    def spent(self) -> str | None:
        """Say which part of the budget is used up, None while there is some left of all.

        Calls that are promised and not yet sent count.
        """
        if not self._budget.model_fields_set:
            return None
        with self._lock:
            tokens = self.total("prompt_tokens") + self.total("completion_tokens")
            calls = self.total("calls") + self._promised
            spent = {"calls": calls, "tokens": tokens, "cost": self.cost or 0.0}
        for name, amount in spent.items():
            limit = getattr(self._budget, name)
            if limit is not None and amount >= limit:
                return f"{amount:,.4g} of {limit:,.4g} {name}"
        return None

    def carry_on(self, earlier: dict[str, Any]) -> None:
        """Add what an interrupted run had already spent, as its progress file tells."""
        self.seconds += earlier["seconds"]
        for purpose, counts in earlier["purposes"].items():
            for name in COUNTS:
                if not name.startswith(("cached", "failed")):
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
        """Report the requests of this run, cached replies included: the same whatever was cached before."""
        purposes = {purpose: dict(asked) for purpose, asked in sorted(self._asked.items())}
        return {"role": self.role, "model": self.model, "identity": self.identity, "purposes": purposes}

    def taken(self) -> dict[str, Any]:
        """Report calls, tokens, seconds and cost for a progress file; cost is null without a price."""
        with self._lock:
            purposes = {purpose: dict(counts) for purpose, counts in sorted(self._counts.items())}
        return {
            "role": self.role,
            "model": self.model,
            "seconds": round(self.seconds, 2),
            "cost": None if self.cost is None else round(self.cost, 6),
            "put": self.put,
            "purposes": purposes,
        }
