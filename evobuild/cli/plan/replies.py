"""What replies may be like: as those so far of the same model in the same role, else a guess."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from evobuild.core.chat import Sampling
from evobuild.models.usage_journal import Record

GUESSED_COMPLETION = 300
"""Tokens of a reply, where none has been measured yet."""
GUESSED_PROMPT = 400
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

    def expected(self, model: str, role: str) -> tuple[Average, bool]:
        """What replies may be like, and whether that was measured: by this model, in this role.

        Else it is a guess: by what the model wrote in other roles, or others wrote in this role.
        """
        if found := self._averages.get((model, role)):
            return found, True
        own = [each for (other, _), each in self._averages.items() if other == model]
        alike = [each for (_, other), each in self._averages.items() if other == role]
        known = own or [each._replace(seconds=None) for each in alike]
        return _mean(known) if known else Average(GUESSED_PROMPT, GUESSED_COMPLETION, None), False


def _mean(averages: Sequence[Average]) -> Average:
    times = [each.seconds for each in averages if each.seconds is not None]
    return Average(
        sum(each.prompt for each in averages) / len(averages),
        sum(each.completion for each in averages) / len(averages),
        sum(times) / len(times) if times else None,
    )


def average_replies(
    runs: Iterable[Record],
) -> dict[tuple[str, str], Average]:
    """What the replies of each model in each role were like so far; seconds are of calls really made."""
    totals: dict[tuple[str, str], list[float]] = {}
    for usage in runs:
        sums: list[Any] = totals.setdefault((usage["model"], usage["role"]), [0, 0, 0, 0, 0.0])
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


def allowed_tokens(settings: Any) -> Iterator[int]:
    """Every max_tokens of some settings, however deep."""
    for key, value in settings.items() if isinstance(settings, dict) else ():
        if key == "max_tokens" and value is not None:
            yield value
        yield from allowed_tokens(value)
