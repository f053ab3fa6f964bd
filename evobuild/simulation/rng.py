"""The only source of chance in the simulated model: numbers that follow from the request alone.

The generator is the linear congruential one of Knuth's MMIX, seeded by a blake2b hash. Both are fixed by
definition, so that replies are the same on every machine and with every Python; only high bits are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TypeVar

from evobuild.core.chat import Request

Item = TypeVar("Item")


class Rng:
    """A stream of pseudo-random numbers from a 64-bit seed."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def number(self) -> float:
        """Draw a number, 0 <= number < 1."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._state >> 11) / 2**53

    def chance(self, probability: float) -> bool:
        """Say yes with this probability."""
        return self.number() < probability

    def below(self, bound: int) -> int:
        """Draw a whole number from 0 to bound - 1."""
        return int(self.number() * bound)

    def pick(self, items: Sequence[Item]) -> Item:
        """Draw one of the items, all equally likely."""
        return items[self.below(len(items))]

    def kind(self, rates: Mapping[str, float]) -> str:
        """Draw a kind by its rate; '' for none of them, at the rate that is left."""
        rest = self.number()
        for name, rate in rates.items():
            if rest < rate:
                return name
            rest -= rate
        return ""


def rng_of_text(text: str, index: int = 0) -> Rng:
    """Give a stream of chance that a text alone decides; each index has another."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return Rng(int.from_bytes(digest, "big") + index * 0xD1342543DE82EF95)


def rngs_of_request(model: str, request: Request) -> Iterator[Rng]:
    """Give one stream of chance per choice of the request.

    Model, messages, temperature, top_p, and the seed above temperature 0 decide it. The limits n, max_tokens
    and stop only cut a reply and leave the draw alone; key and purpose do not count.
    """
    sampling = request.sampling
    seed = sampling.seed if sampling.temperature > 0 else None
    said = [part for message in request.messages for part in (message.role, message.content)]
    text = "\0".join([f"{model}\0{sampling.temperature}\0{sampling.top_p}\0{seed}", *said])
    return (rng_of_text(text, index) for index in range(sampling.n))
