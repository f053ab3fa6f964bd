"""Amounts that are not known yet: an expected value and an upper bound."""

from __future__ import annotations

from typing import NamedTuple


class Amount(NamedTuple):
    """A number that is not known yet. most: an upper bound."""

    expected: float = 0.0
    most: int = 0

    def times(self, number: float) -> Amount:
        """Multiply the expected value and the bound."""
        return Amount(self.expected * number, round(self.most * number))

    def scale_expected(self, share: float) -> Amount:
        """Multiply the expected value by a share; the bound stays."""
        return Amount(self.expected * share, self.most)

    def limit_to(self, limit: int | None) -> Amount:
        """Cap both at a limit; None: no limit."""
        return self if limit is None else Amount(min(self.expected, limit), min(self.most, limit))

    def plus(self, other: Amount) -> Amount:
        """Add another amount."""
        return Amount(self.expected + other.expected, self.most + other.most)


NONE = Amount()


def exact_amount(number: int) -> Amount:
    """Return the amount of a counted number."""
    return Amount(number, number)


def sum_amounts(amounts: list[Amount]) -> Amount:
    """Sum several amounts."""
    return Amount(sum(each.expected for each in amounts), sum(each.most for each in amounts))
