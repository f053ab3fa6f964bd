"""Suites are read strictly: a mistake names the file, the entry, what was found and what is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from evobuild.contracts.expectations import make_expectation
from evobuild.contracts.suites import read_suites, refuse_strange_files
from evobuild.core.errors import UserError

COLUMNS = {"ratings": ["pool", "id", "difficulty"]}


def read(tmp_path: Path, text: str) -> list[object]:
    (tmp_path / "ratings.yaml").write_text(text)
    entries = read_suites(tmp_path, COLUMNS, ["most_difficult"])["ratings"]
    return [make_expectation(entry) for entry in entries]


BETWEEN = "expect_column_values_to_be_between"


def entry(type: str = BETWEEN, kwargs: str = "{}", more: str = "") -> str:
    return f"expectations:\n  - type: {type}\n    kwargs: {kwargs}\n{more}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("expectation: []", "has the keys expectation; expected 'expectations', a list, alone"),
        ("expectations: 3", "expected 'expectations', a list, alone"),
        ("expectations:\n  - kwargs: {}", "entry 1: expected a mapping with 'type'"),
        (entry("expect_column_values_to_be_beetween", "{column: id}"), f"did you mean '{BETWEEN}'"),
        (entry("nothing", "{column: id}"), "unknown type 'nothing'; choose from: expect_"),
        (entry(kwargs="{column: dificulty, min_value: 0}"), "'dificulty'; did you mean 'difficulty'?"),
        (entry(kwargs="{column: difficulty, min_valu: 0, max_value: 1}"), "unknown kwarg 'min_valu'"),
        (entry(kwargs="{column: difficulty, min_value: low}"), f"entry 1 ({BETWEEN}): kwargs: "),
        (entry(kwargs="{column: difficulty}"), "min_value and max_value cannot both be None"),
        (entry(kwargs="{min_value: 0}"), "column: field required"),
        (entry(kwargs="{column: id, max_value: {$PARAMETER: most_dificult}}"), "mean 'most_difficult'?"),
        (entry(kwargs="{column: id, min_value: 0}", more="    severity: bad\n"), "choose from: critical"),
        (entry(kwargs="{column: id, min_value: 0}", more="    meta: {}\n"), "unknown key 'meta'"),
        (entry(kwargs="[1]"), "kwargs is [1]; expected a mapping"),
        ("expectations: [", "not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    message = str(error.value)
    assert said in message and "ratings.yaml" in message
    assert len(message.splitlines()) == 1


def test_a_sound_entry_is_read_and_a_table_without_a_file_has_none(tmp_path: Path) -> None:
    text = entry(kwargs="{column: difficulty, max_value: {$PARAMETER: most_difficult}}")
    assert len(read(tmp_path, text)) == 1
    (tmp_path / "ratings.yaml").unlink()
    assert read_suites(tmp_path, COLUMNS, []) == {}


def test_a_suite_of_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rating.yaml").write_text("expectations: []")
    with pytest.raises(UserError, match=r"unknown suite 'rating.yaml'; did you mean 'ratings.yaml'"):
        refuse_strange_files(tmp_path)


def test_conditions_hand_their_columns_over(tmp_path: Path) -> None:
    kwargs = """{column: difficulty, min_value: 0, row_condition: 'col("pool") == "r1"',
             condition_parser: great_expectations}"""
    (tmp_path / "ratings.yaml").write_text(entry(kwargs=kwargs))
    [found] = read_suites(tmp_path, COLUMNS, [])["ratings"]
    assert found.columns == ("difficulty", "pool")
