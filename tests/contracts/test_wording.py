"""Expectations in words: every type of the shipped suites, and one without words of its own."""

from __future__ import annotations

from typing import Any

import pytest
from workspace import ROOT

from evobuild.contracts.wording import describe_expectation
from evobuild.core.yaml_files import read_yaml


@pytest.mark.parametrize(
    ("kind", "kwargs", "text"),
    [
        ("column_values_to_be_between", {"column": "a", "min_value": 0, "max_value": 1}, "a is from 0 to 1"),
        ("column_values_to_be_between", {"column": "a", "min_value": 0, "strict_min": True}, "a is above 0"),
        ("column_values_to_be_between", {"column": "a", "max_value": 9}, "a is at most 9"),
        ("column_values_to_be_between", {"column": "a"}, "a is any number"),
        ("column_values_to_be_in_set", {"column": "known", "value_set": [True]}, "known is true"),
        (
            "column_values_to_be_in_set",
            {"column": "a", "value_set": ["x", "y"], "mostly": 0.9},
            "a is one of x, y in at least 90\u00a0% of rows",
        ),
        ("column_pair_values_a_to_be_greater_than_b", {"column_A": "a", "column_B": "b"}, "a is above b"),
        (
            "compound_columns_to_be_unique",
            {"column_list": ["a", "b"]},
            "a and b together differ from row to row",
        ),
        ("column_mean_to_be_between", {"max_value": 1}, "column mean to be between (max_value 1)"),
    ],
)  # fmt: skip
def test_an_expectation_is_a_sentence(kind: str, kwargs: dict[str, Any], text: str) -> None:
    assert describe_expectation(f"expect_{kind}", kwargs) == text


def test_every_type_of_the_shipped_suites_has_words() -> None:
    suites = sorted((ROOT / "expectations").glob("*.yaml"))
    entries = [entry for path in suites for entry in read_yaml(path)["expectations"]]
    texts = [describe_expectation(each["type"], {**each["kwargs"], "mostly": 1}) for each in entries]
    assert len(texts) > 100
    assert not any("values to" in text or "table row" in text or "pair" in text for text in texts)
