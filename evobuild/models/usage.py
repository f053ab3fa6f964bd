"""What a stage asked of a model: calls, store hits, tokens, seconds; cost where a price is known."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evobuild.models.request import Reply


class Usage:
    """Counts by purpose, and the seconds spent waiting for the engine."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.seconds = 0.0
        self._counts: defaultdict[str, dict[str, int]] = defaultdict(
            lambda: dict.fromkeys(("calls", "cached", "failed", "prompt_tokens", "completion_tokens"), 0)
        )

    def count(self, purpose: str, reply: Reply) -> None:
        """Add one reply; tokens count only where the call was really made."""
        counts = self._counts[purpose]
        counts["cached" if reply.cached else "calls"] += 1
        if reply.error is not None:
            counts["failed"] += 1
        if not reply.cached:
            counts["prompt_tokens"] += reply.prompt_tokens
            counts["completion_tokens"] += sum(choice.tokens for choice in reply.choices)

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Time what is done inside."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - began

    def as_dict(self) -> dict[str, Any]:
        """As written to a usage file; seconds rounded to 0.01, cost null while no price is known."""
        return {
            "model": self.model,
            "seconds": round(self.seconds, 2),
            "cost": None,
            "purposes": {purpose: dict(counts) for purpose, counts in sorted(self._counts.items())},
        }
