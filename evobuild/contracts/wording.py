"""Describe expectations in words, for readers who do not know the suites.

{"type": "expect_column_values_to_be_between",
 "kwargs": {"column": "difficulty", "min_value": 0, "max_value": 100}}  ->  "difficulty is from 0 to 100"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Kwargs = Mapping[str, Any]
LONGEST = 400
"""Characters of a value that are shown."""


def describe_expectation(kind: str, kwargs: Kwargs) -> str:
    """Describe an expectation.

    kind, kwargs: Great Expectations' own, with parameters filled in. A type without words of its own is
    spelled out: "expect_column_mean_to_be_between" -> "column mean to be between (column a, max_value 1)".
    """
    words = _WORDS.get(kind)
    if words is None:
        given = ", ".join(f"{name} {format_value(value)}" for name, value in kwargs.items())
        return f"{kind.removeprefix('expect_').replace('_', ' ')}{f' ({given})' if given else ''}"
    mostly = kwargs.get("mostly", 1)
    return words(kwargs) + ("" if mostly == 1 else f" in at least {100 * mostly:g}\u00a0% of rows")


def format_value(value: Any) -> str:
    """Format a value, cut if it is long; a list by its values, a mapping by its pairs."""
    if isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    elif isinstance(value, list | tuple):
        text = ", ".join(map(format_value, value))
    elif isinstance(value, Mapping):
        text = ", ".join(f"{name}: {format_value(own)}" for name, own in value.items())
    else:
        whole = isinstance(value, float) and value.is_integer()
        text = f"{int(value) if whole else value:,}" if isinstance(value, int | float) else str(value)
        text = text or '""'
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _name(kwargs: Kwargs, key: str = "column") -> str:
    return str(kwargs.get(key, "the column"))


def _range(name: str, kwargs: Kwargs) -> str:
    least, most = kwargs.get("min_value"), kwargs.get("max_value")
    above = "above" if kwargs.get("strict_min") else "at least"
    below = "below" if kwargs.get("strict_max") else "at most"
    if least is not None and most is not None and (above, below) == ("at least", "at most"):
        return f"{name} is from {format_value(least)} to {format_value(most)}"
    bounds = [(above, least), (below, most)]
    said = [f"{word} {format_value(value)}" for word, value in bounds if value is not None]
    return f"{name} is {' and '.join(said) or 'any number'}"


def _members(kwargs: Kwargs) -> str:
    values = kwargs.get("value_set") or []
    return f"{_name(kwargs)} is {'' if len(values) == 1 else 'one of '}{format_value(values)}"


def _order(kwargs: Kwargs) -> str:
    word = "at least" if kwargs.get("or_equal") else "above"
    return f"{_name(kwargs, 'column_A')} is {word} {_name(kwargs, 'column_B')}"


_WORDS: dict[str, Callable[[Kwargs], str]] = {
    "expect_table_columns_to_match_set": lambda own: f"has the columns {format_value(own.get('column_set'))}",
    "expect_table_row_count_to_be_between": lambda own: _range("the number of rows", own),
    "expect_column_values_to_be_between": lambda own: _range(_name(own), own),
    "expect_column_values_to_be_in_set": _members,
    "expect_column_values_to_be_of_type": lambda own: f"{_name(own)} is of type {own.get('type_')}",
    "expect_column_values_to_be_unique": lambda own: f"{_name(own)} differs from row to row",
    "expect_column_values_to_not_be_null": lambda own: f"{_name(own)} has a value",
    "expect_column_values_to_match_regex": lambda own: f"{_name(own)} matches {own.get('regex')}",
    "expect_column_pair_values_to_be_equal": (
        lambda own: f"{_name(own, 'column_A')} equals {_name(own, 'column_B')}"
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": _order,
    "expect_compound_columns_to_be_unique": (
        lambda own: f"{' and '.join(own.get('column_list', []))} together differ from row to row"
    ),
}
