"""Global batches and micro-batches: every example once an epoch, whatever the devices and the budget."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evobuild.training.running.batches import (
    example_identity,
    global_batches,
    micro_batches,
    split_padded_micro_batches,
    step_count,
)

NAMES = [f"row {number}" for number in range(10)]
LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("examples", "batch", "epochs", "steps"),
    [(100, 16, 1, 7), (100, 16, 2.5, 18), (96, 16, 3, 18), (1, 64, 1, 1), (10, 4, 0.1, 1),
     (7473, 128, 4, 236), (100, 10, 0.3, 3)],
)  # fmt: skip
def test_steps_are_those_of_whole_batches(examples, batch, epochs, steps) -> None:
    assert step_count(examples, batch, epochs) == steps
    assert len(global_batches([str(n) for n in range(examples)], batch, epochs, 1)) == steps


def test_an_epoch_is_every_example_once_and_the_last_batch_is_short() -> None:
    first, second = (global_batches(NAMES, 4, 2, 7)[start : start + 3] for start in (0, 3))
    for epoch in (first, second):
        assert [len(batch) for batch in epoch] == [4, 4, 2]
        assert sorted(chain(*epoch)) == list(range(10))
    assert first != second


def test_a_part_of_an_epoch_repeats_nothing() -> None:
    batches = global_batches(NAMES, 4, 1.5, 7)
    assert [len(batch) for batch in batches] == [4, 4, 2, 4, 4]
    assert max(Counter(chain(*batches)).values()) == 2


def test_the_order_is_that_of_what_examples_hold_not_of_their_places() -> None:
    forth, back = global_batches(NAMES, 4, 1, 7), global_batches(NAMES[::-1], 4, 1, 7)
    assert [[NAMES[place] for place in batch] for batch in forth] == [
        [NAMES[::-1][place] for place in batch] for batch in back
    ]
    assert forth != global_batches(NAMES, 4, 1, 8)


def test_examples_are_told_apart_by_all_that_they_hold() -> None:
    assert example_identity([1, 2], [-100, 2]) != example_identity([1, 2], [-100, -100])
    assert example_identity([1], [2, 3]) != example_identity([1, 2], [3])


def test_a_batch_is_parted_by_hand() -> None:
    assert micro_batches([5, 3, 2, 2], range(4), 7, 1) == [[[0, 3], [1, 2]]]
    assert micro_batches([5, 3, 2, 2], range(4), 100, 1) == [[[0, 1, 2, 3]]]
    assert micro_batches([5, 3, 2, 2], range(4), 100, 2) == [[[0, 3]], [[1, 2]]]
    assert micro_batches([9, 1], range(2), 4, 1) == [[[0], [1]]]  # the longer one is alone
    assert micro_batches([3], range(1), 9, 2) == [[[0]], [[]]]


@given(LENGTHS, st.integers(1, 120), st.integers(1, 4))
def test_each_example_is_in_one_part_that_keeps_its_budget(lengths, budget, processes) -> None:
    shares = micro_batches(lengths, range(len(lengths)), budget, processes)
    assert sorted(chain(*chain(*shares))) == list(range(len(lengths)))
    assert len(shares) == processes and len({len(share) for share in shares}) == 1
    for part in chain(*shares):
        assert sum(lengths[place] for place in part) <= budget or len(part) == 1


@given(LENGTHS, st.integers(1, 120), st.integers(1, 4))
def test_processes_read_as_many_padded_examples_at_a_time(lengths, budget, processes) -> None:
    shares = split_padded_micro_batches(lengths, range(len(lengths)), budget, processes)
    assert sorted(chain(*chain(*shares))) == list(range(len(lengths)))
    for together in zip(*shares, strict=True):
        sizes = {len(part) for part in together}
        assert len(sizes) == 1 or sizes == {0, 1}
        for part in together:
            assert len(part) * max((lengths[place] for place in part), default=0) <= budget or len(part) == 1


def test_little_of_a_batch_is_wasted_on_parts() -> None:
    lengths = [100] * 60 + [700] * 4
    (share,) = micro_batches(lengths, range(64), 2048, 1)
    assert len(share) <= 5
