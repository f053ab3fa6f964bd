"""How many of something there will be: as many as are expected, and as many as there may be."""

from __future__ import annotations

from typing import NamedTuple


class Amount(NamedTuple):
    """A number that is not known yet. most: never less than what then happens."""

    expected: float = 0.0
    most: int = 0

    def times(self, number: float) -> Amount:
        """Multiply both."""
        return Amount(self.expected * number, round(self.most * number))

    def scale_expected(self, share: float) -> Amount:
        """Expect a share of it; all of it may be left."""
        return Amount(self.expected * share, self.most)

    def limit_to(self, limit: int | None) -> Amount:
        """Cut both at a limit; None is no limit."""
        return self if limit is None else Amount(min(self.expected, limit), min(self.most, limit))

    def plus(self, other: Amount) -> Amount:
        """Add both."""
        return Amount(self.expected + other.expected, self.most + other.most)


NONE = Amount()


def exact_amount(number: int) -> Amount:
    """A number that is counted."""
    return Amount(number, number)


def sum_amounts(amounts: list[Amount]) -> Amount:
    """Add several up."""
    return Amount(sum(each.expected for each in amounts), sum(each.most for each in amounts))
