"""The only source of chance in the simulated engine: numbers that follow from the request alone.

The generator is the linear congruential one of Knuth's MMIX, seeded by a blake2b hash. Both are fixed by
definition, so that replies are the same on every machine and with every Python; only high bits are used.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TypeVar

from evobuild.core.chat import Request

Item = TypeVar("Item")

_MASK = (1 << 64) - 1


class Dice:
    """A stream of pseudo-random numbers from a 64-bit seed."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def number(self) -> float:
        """Draw a number, 0 <= number < 1."""
        self._state = state = (self._state * 6364136223846793005 + 1442695040888963407) & _MASK
        return (state >> 11) / 9007199254740992.0

    def chance(self, probability: float) -> bool:
        """Say yes with this probability."""
        return self.number() < probability

    def below(self, bound: int) -> int:
        """Draw a whole number from 0 to bound - 1."""
        return int(self.number() * bound)

    def pick(self, items: Sequence[Item]) -> Item:
        """Draw one of the items, all equally likely."""
        return items[int(self.number() * len(items))]

    def place(self, cumulated: Sequence[float]) -> int:
        """Draw an index from rising cumulated probabilities; their number if the draw is beyond the last."""
        return bisect(cumulated, self.number())


def dice_of_text(text: str) -> Dice:
    """Give one stream of chance that a text alone decides."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return Dice(int.from_bytes(digest, "big"))


def dice_of(model: str, request: Request) -> Iterator[Dice]:
    """Give one stream of chance per choice of the request.

    Model, messages, temperature, top_p, and the seed above temperature 0 decide it. The limits n, max_tokens
    and stop only cut a reply and leave the draw alone; key and purpose do not count.
    """
    sampling = request.sampling
    seed = sampling.seed if sampling.temperature > 0 else None
    parts = [f"{model}\0{sampling.temperature}\0{sampling.top_p}\0{seed}"]
    for message in request.messages:
        parts.append(message.role)
        parts.append(message.content)
    digest = blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    first = int.from_bytes(digest, "big")
    for index in range(sampling.n):
        yield Dice(first + index * 0xD1342543DE82EF95)
