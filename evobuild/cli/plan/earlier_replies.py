"""What replies were like so far, by model, role and stage, as the journal of usage has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from evobuild.core.chat import Sampling
from evobuild.models.usage_journal import Record

DEFAULT_TOKENS = Sampling().max_tokens
"""That a reply may have where no setting says it."""


class Average(NamedTuple):
    """What replies were like: tokens of prompt and reply, seconds of a call; None where none was made."""

    prompt: float
    completion: float
    seconds: float | None


class EarlierReplies:
    """Knows what the journal of usage says of earlier replies."""

    def __init__(self, runs: Iterable[Record]) -> None:
        self._averages = average_replies(runs)

    def find_average(self, model: str, role: str, stage: str) -> Average | None:
        """What this model's replies in this role were like, in this stage, else in all; None without one."""
        return self._averages.get((model, role, stage)) or self._averages.get((model, role, ""))

    def seconds_per_token(self, model: str) -> float | None:
        """Seconds of a token that this model wrote in any role, None if it wrote none."""
        found = [
            each
            for (name, _, stage), each in self._averages.items()
            if name == model and not stage and each.seconds is not None and each.completion
        ]
        if not found:
            return None
        return sum(each.seconds or 0 for each in found) / sum(each.completion for each in found)


def average_replies(runs: Iterable[Record]) -> dict[tuple[str, str, str], Average]:
    """What the replies of each model in each role were like so far, by stage and, under "", in all stages.

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
    """Every max_tokens of some settings, however deep."""
    for key, value in settings.items() if isinstance(settings, dict) else ():
        if key == "max_tokens" and value is not None:
            yield value
        yield from iterate_max_tokens(value)
