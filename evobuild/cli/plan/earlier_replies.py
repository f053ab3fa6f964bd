"""Average lengths and times of earlier replies, by model, role and stage, from the journal of usage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from evobuild.core.chat import Sampling
from evobuild.models.usage_journal import Record

DEFAULT_TOKENS = Sampling().max_tokens
"""max_tokens of a reply where no param sets it."""


class Average(NamedTuple):
    """Mean tokens of prompt and reply, mean seconds of a call; None if every reply came from the cache."""

    prompt: float
    completion: float
    seconds: float | None


class EarlierReplies:
    """Looks up averages of earlier replies."""

    def __init__(self, runs: Iterable[Record]) -> None:
        self._averages = average_replies(runs)

    def find_average(self, model: str, role: str, stage: str) -> Average | None:
        """Return the average of a model's replies in a role: in this stage, else in all; None without any."""
        return self._averages.get((model, role, stage)) or self._averages.get((model, role, ""))

    def seconds_per_token(self, model: str) -> float | None:
        """Return the seconds per token of a model over all roles; None if it wrote none."""
        found = [
            each
            for (name, _, stage), each in self._averages.items()
            if name == model and not stage and each.seconds is not None and each.completion
        ]
        if not found:
            return None
        return sum(each.seconds or 0 for each in found) / sum(each.completion for each in found)


def average_replies(runs: Iterable[Record]) -> dict[tuple[str, str, str], Average]:
    """Average the replies of each model in each role, by stage and, under "", over all stages.

    seconds are of calls really made.
    """
    totals: dict[tuple[str, str, str], list[float]] = {}
    for usage in runs:
        for stage in dict.fromkeys((str(usage["task"]).partition("-")[0], "")):
            sums: list[Any] = totals.setdefault((usage["model"], usage["role"], stage), [0, 0, 0, 0, 0.0])
            for counts in usage["purposes"].values():
                sums[0] += counts["calls"]
                sums[1] += counts["calls"] + counts["cached"]
                sums[2] += counts["prompt_tokens"] + counts["cached_prompt_tokens"]
                sums[3] += counts["completion_tokens"] + counts["cached_completion_tokens"]
            sums[4] += usage["seconds"]
    return {
        key: Average(prompt / replies, completion / replies, seconds / calls if calls else None)
        for key, (calls, replies, prompt, completion, seconds) in totals.items()
        if replies
    }


def iterate_max_tokens(settings: Any) -> Iterator[int]:
    """Yield every max_tokens in nested settings."""
    for key, value in settings.items() if isinstance(settings, dict) else ():
        if key == "max_tokens" and value is not None:
            yield value
        yield from iterate_max_tokens(value)
