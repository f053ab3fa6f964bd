"""JSON found in replies, and what is none."""

from __future__ import annotations

import pytest

from evobuild.text import json_replies


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ("[1, 2]", [[1, 2]]),
        ('```json\n{"a": {"b": []}}\n```', [{"a": {"b": []}}]),
        ('So: {"a": [1]} and [2].', [{"a": [1]}, [2]]),
        ('{"a": "}{["} {"b": 2}', [{"a": "}{["}, {"b": 2}]),
        ("{broken [1]", [[1]]),
        ("{'a': 1}", []),
        ('{"a": 1,}', []),
        ('{"a": NaN}', []),
        ('{"a": 1', []),
        ('"a text", 7, true', []),
        ("", []),
    ],
)
def test_outermost_objects_and_arrays_are_found_in_order(text, values):
    assert list(json_replies.find_json_values(text)) == values


@pytest.mark.parametrize("text", ["[" * 100_000, "{" * 100_000, '{"a":' * 50_000, "[1" * 50_000])
def test_a_reply_of_brackets_holds_nothing(text):
    assert list(json_replies.find_json_values(text)) == []
