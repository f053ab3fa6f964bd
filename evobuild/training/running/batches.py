"""Exact global batches: which examples each optimizer step learns from, and how devices share them.

An epoch is all examples once, in an order drawn by what each one holds, cut into batches; the last one is
as short as it is. Nothing is repeated and nothing is dropped. A batch is then parted into micro-batches of a
token budget, as many for each device. They are read without padding, so how it is parted changes no more than
the last digits of sums.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from heapq import heapify, heapreplace

from evobuild.core.draws import draw_value


def step_count(examples: int, batch: int, epochs: float) -> int:
    """Optimizer steps of a training. Instance: 100 examples, 16 a batch, 2.5 epochs -> 7 · 2.5 -> 18."""
    return max(1, math.ceil(round(epochs * math.ceil(examples / batch), 6)))


def global_batches(identities: Sequence[str], batch: int, epochs: float, seed: int) -> list[list[int]]:
    """Give the examples of each optimizer step as places in a list.

    identities: what each example is drawn by; those of equal ones are equal.
    """
    steps = step_count(len(identities), batch, epochs)
    found: list[list[int]] = []
    epoch = 0
    while len(found) < steps:
        purpose = f"epoch {epoch}"
        places = sorted(
            range(len(identities)), key=lambda place: (draw_value(seed, purpose, identities[place]), place)
        )
        found += [places[first : first + batch] for first in range(0, len(places), batch)]
        epoch += 1
    return found[:steps]


def example_identity(*columns: Sequence[int]) -> str:
    """Name an example by what its columns hold."""
    return blake2b(repr([list(each) for each in columns]).encode(), digest_size=12).hexdigest()


def micro_batches(
    lengths: Sequence[int], places: Sequence[int], budget: int, processes: int
) -> list[list[list[int]]]:
    """Part a batch: for each process its micro-batches, as many for each, of places.

    lengths: tokens of each example. budget: tokens of a micro-batch; a longer example is alone in one. Where
    there are fewer examples than micro-batches some of them are empty.

    Instance: lengths 5, 3, 2, 2 of places 0 … 3, budget 7, one process -> [[[0, 3], [1, 2]]].
    """
    # Those of one length stay in the order that was drawn, which does not depend on their places.
    ordered = sorted(places, key=lambda place: -lengths[place])
    total = sum(lengths[place] for place in ordered)
    most = max(1, math.ceil(len(ordered) / processes))
    for rounds in range(min(most, max(1, math.ceil(total / budget / processes))), most + 1):
        parts = _evenly(lengths, ordered, rounds * processes)
        if all(sum(lengths[place] for place in part) <= budget or len(part) == 1 for part in parts):
            break
    return [parts[process::processes] for process in range(processes)]


def _evenly(lengths: Sequence[int], longest_first: Sequence[int], count: int) -> list[list[int]]:
    """Split examples into parts of similar total length: each goes to the shortest part so far."""
    parts: list[list[int]] = [[] for _ in range(count)]
    least = [(0, number) for number in range(count)]
    heapify(least)
    for place in longest_first:
        tokens, number = least[0]
        parts[number].append(place)
        heapreplace(least, (tokens + lengths[place], number))
    return parts


def split_padded_micro_batches(
    lengths: Sequence[int], places: Sequence[int], budget: int, processes: int
) -> list[list[list[int]]]:
    """Part a batch whose examples are padded to the longest of their micro-batch; else as `micro_batches`.

    What processes read at the same time is as many examples in each: they compare figures of each one. Only
    where fewer are left than there are processes some have none.
    """
    ordered = sorted(places, key=lambda place: -lengths[place])
    found: list[list[list[int]]] = [[] for _ in range(processes)]
    while ordered:
        size = max(1, min(budget // lengths[ordered[0]], len(ordered) // processes))
        for process in range(processes):
            found[process].append(ordered[process * size : (process + 1) * size])
        ordered = ordered[processes * size :]
    return found
