"""Every expectation that is shipped is broken once, and it alone fails.

The table of what is broken is made of the suites themselves: an entry of a type that nothing here knows how
to break fails the test, and so does one that nothing can break.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import polars as pl
import pytest
from contract_line import Line, line_params, output_params
from workspace import ROOT

from evobuild.contracts.expectations import Table, Validator
from evobuild.contracts.line import line_tables
from evobuild.contracts.output_tables import output_tables
from evobuild.contracts.suites import Entry, read_suites
from evobuild.core.yaml_files import read_yaml

SUITES = ROOT / "expectations"
NAMES = sorted(path.stem for path in SUITES.glob("*.yaml"))
CASES = [
    (table, number, end)
    for table in NAMES
    for number, entry in enumerate(read_yaml(SUITES / f"{table}.yaml")["expectations"])
    for end in ("min_value", "max_value")
    if end in entry["kwargs"]
    or (end == "min_value" and not {"min_value", "max_value"} & entry["kwargs"].keys())
]
"""The place of each expectation; one with a least and a most stands for both."""
STRANGE = "strange!"
TOGETHER = {("rounds", "pool"): "round", ("evaluation", "model"): "table"}
"""Columns that have to be equal: one is broken by itself in a case of its own."""


class Sound:
    """Sound tables by name, their suites, and what holds them."""

    def __init__(self) -> None:
        line = Line(Path(mkdtemp()))
        given, parameters = line_tables(line_params(), line.sources, line.sources.dataset)
        outputs, known = output_tables(output_params(), line.outputs)
        self.parameters = parameters | known
        found = {table.name: table.rows.collect() for table in [*outputs, *given]}
        self.frames: dict[str, pl.DataFrame] = found
        self.off = {table.name: table.off for table in [*given, *outputs] if table.off}
        columns = {name: frame.columns for name, frame in found.items()}
        self.suites = read_suites(SUITES, columns, self.parameters)
        self.holder = Validator(self.parameters)

    def failing(self, table: str, frame: pl.DataFrame, entries: list[Entry]) -> list[int]:
        """The places of the entries that a table does not meet."""
        outcomes = self.holder.validate(Table(table, frame.lazy()), entries).expectations
        for outcome in outcomes:
            assert set(outcome.ids) <= set(frame["id"].cast(pl.String).to_list()) | {"None"}
            assert outcome.success or not outcome.unexpected or outcome.ids
        return [place for place, outcome in enumerate(outcomes) if not outcome.success]


@pytest.fixture(scope="module")
def sound() -> Sound:
    return Sound()


def test_a_sound_line_meets_every_suite(sound: Sound) -> None:
    assert sound.off == {}
    assert sound.suites.keys() == set(NAMES) == sound.frames.keys()
    for name, frame in sound.frames.items():
        assert frame.height, f"{name} has no row that could fail"
        assert sound.failing(name, frame, sound.suites[name]) == [], name


@pytest.mark.parametrize(("table", "number", "end"), CASES, ids=[f"{t}-{n + 1}-{end}" for t, n, end in CASES])
def test_an_expectation_that_is_broken_fails_alone(sound: Sound, table: str, number: int, end: str) -> None:
    entries, frame = sound.suites[table], sound.frames[table]
    entry = entries[number]
    broken = break_once(entry, frame, sound.parameters, table, end, entries)
    looked_at = [each for each in entries if each is entry or touches(each, frame, broken)]
    assert sound.failing(table, broken, looked_at) == [looked_at.index(entry)]


def touches(entry: Entry, frame: pl.DataFrame, broken: pl.DataFrame) -> bool:
    """Whether an entry looks at anything that differs."""
    if entry.is_of_columns or not entry.columns:
        return True
    there = [name for name in entry.columns if name in broken.columns]
    return not broken.select(there).equals(frame.select(there))


def break_once(
    entry: Entry, frame: pl.DataFrame, parameters: dict[str, Any], table: str, end: str, entries: list[Entry]
) -> pl.DataFrame:
    """A table that lacks what one entry expects. end: of a range, the one that it goes beyond."""
    given = {
        name: parameters[own["$PARAMETER"]] if isinstance(own, dict) and "$PARAMETER" in own else own
        for name, own in entry.kwargs.items()
    }
    kind = entry.type.removeprefix("expect_")
    if kind == "table_columns_to_match_set":
        spoken = {name for each in entries for name in each.columns}
        return frame.drop(next(name for name in given["column_set"] if name not in spoken and name != "id"))
    if kind == "table_row_count_to_be_between":
        return frame.head(0)
    if kind.endswith("_to_be_unique"):
        return pl.concat([frame, frame.head(1)])
    if kind == "column_pair_values_to_be_equal":
        others = {name for each in entries if each is not entry for name in each.columns}
        alone = next(given[key] for key in ("column_A", "column_B") if given[key] not in others)
        return replaced(frame, alone, STRANGE)
    if kind == "column_pair_values_a_to_be_greater_than_b":
        return pair_turned(frame, given["column_A"], given["column_B"])
    column = given["column"]
    if kind == "column_values_to_be_of_type":
        return frame.with_columns(
            pl.col(column).cast(pl.Float32 if given["type_"] == "float64" else pl.Int32)
        )
    if kind == "column_values_to_be_between":
        step = 0 if given.get("strict_min") and end == "min_value" else 1
        return replaced(
            frame, column, given[end] + (step if end == "max_value" else -step), "mostly" in given
        )
    values: dict[str, Callable[[], Any]] = {
        "column_values_to_not_be_null": lambda: None,
        "column_values_to_match_regex": lambda: STRANGE,
        "column_values_to_be_in_set": lambda: outside(given["value_set"]),
    }
    broken = replaced(frame, column, values[kind](), "mostly" in given)
    beside = TOGETHER.get((table, column))
    return replaced(broken, beside, STRANGE) if beside else broken


def replaced(frame: pl.DataFrame, column: str, value: Any, in_all: bool = False) -> pl.DataFrame:
    """A table with another value in its first row, or in all."""
    rows = pl.int_range(pl.len()) < (frame.height if in_all else 1)
    new = pl.when(rows).then(pl.lit(value, frame.schema[column])).otherwise(pl.col(column))
    return frame.with_columns(new.alias(column))


def pair_turned(frame: pl.DataFrame, greater: str, less: str) -> pl.DataFrame:
    """A table in which the lesser figure is the greater, and no other pair is turned."""
    if less == "chosen":
        return replaced(frame, less, 10**6)
    return frame.with_columns(pl.lit(0, pl.Int64).alias(greater), pl.col(less).clip(lower_bound=1))


def outside(values: list[Any]) -> Any:
    if values in ([True], [False]):
        return not values[0]
    return 1 if values == [0] else STRANGE


def test_every_threshold_is_read_by_a_suite() -> None:
    named = set(
        re.findall(r"\$PARAMETER: (\w+)", "".join(path.read_text() for path in SUITES.glob("*.yaml")))
    )
    assert set(line_params().contracts.thresholds) <= named


def test_every_entry_says_why(sound: Sound) -> None:
    assert all(entry.notes for entries in sound.suites.values() for entry in entries)
