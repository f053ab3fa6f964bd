"""Where a reply ends: the end token, the stop string or the room; and when a batch stops."""

from __future__ import annotations

import pytest
import tiny
import torch

from evobuild.core.chat import Sampling
from evobuild.models.stopping import BatchStop, RunningRow, StopConditions

END = 299


def ids(text: str) -> list[int]:
    found: list[int] = tiny.tokenizer()(text, add_special_tokens=False)["input_ids"]
    return found


@pytest.fixture
def conditions() -> StopConditions:
    return StopConditions(tiny.tokenizer(), frozenset({END}))


@pytest.mark.parametrize(
    ("made", "stop", "room", "wanted"),
    [
        (ids("abc"), (), 9, None),
        (ids("abc"), ("d",), 9, None),
        (ids("abc"), (), 3, ("abc", "length", 3)),
        ([*ids("abc"), END, *ids("d")], (), 9, ("abc", "stop", 4)),
        ([*ids("abc"), END], (), 3, ("abc", "length", 3)),
        ([*ids("abxyc"), END], ("xy", "c"), 9, ("ab", "stop", 4)),
        ([*ids("ab"), END, *ids("xy")], ("xy",), 9, ("ab", "stop", 3)),
        (ids("abxy"), ("xy",), 3, ("abx", "length", 3)),
    ],
)
def test_what_comes_first_ends_a_choice(
    conditions: StopConditions,
    made: list[int],
    stop: tuple[str, ...],
    room: int,
    wanted: tuple[str, str, int] | None,
) -> None:
    choice = conditions.choice(made, [], Sampling(stop=stop), room)
    assert (choice and (choice.text, choice.finish, choice.tokens)) == wanted


@pytest.mark.parametrize(
    ("first", "made", "done"),
    [
        (RunningRow([], 9, ("xy",)), "axy", True),
        (RunningRow([], 9, ("xy",)), "axz", False),
        (RunningRow(ids("ax"), 9, ("xy",)), "y", True),  # half of it was made in an earlier batch
        (RunningRow(ids("a"), 3, ()), "xyz", True),
        (RunningRow(ids("a"), 4, ()), "xyz", False),
    ],
)
def test_a_batch_halts_with_the_row_that_ends_half_of_it(
    conditions: StopConditions, first: RunningRow, made: str, done: bool
) -> None:
    stop = BatchStop(torch, conditions, [first, RunningRow([], 99, ())], 2, "cpu")
    told = stop(torch.tensor([[0, 0, *ids(made)]] * 2), None)
    assert told.tolist() == [done, done]
