"""Validate tables with Great Expectations. Only the columns of an entry are converted to pandas at a time.

A table is written to a file first, of which a few columns are read at a time: so it is computed once, and
never as a whole in memory.

The context is in memory, sends nothing and shows no progress. Its results are converted here, since some
contain numpy values that its own JSON writer refuses.
"""

from __future__ import annotations

import gc
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from evobuild.contracts.result import MOST_IDS, Outcome, TableOutcomes
from evobuild.contracts.suites import Entry
from evobuild.core.errors import BadInput
from evobuild.core.scratch import ScratchFolder
from evobuild.core.suggestions import unknown_name
from evobuild.core.tables import write_stream

if TYPE_CHECKING:
    import pandas as pd

_RESULT = {"result_format": "SUMMARY", "partial_unexpected_count": MOST_IDS}
_OF_EQUALITY = {"expect_column_values_to_be_unique", "expect_column_values_to_not_be_null",
                "expect_compound_columns_to_be_unique"}  # fmt: skip
MANY = 500_000
"""Rows from which on columns are taken out of memory at once: what looked at them refers to itself."""
_SOURCE = "tables"
_PLACE = "place"
"""By which a result is known again; they come in another order."""


class Table(NamedTuple):
    """What expectations are of. rows: not read yet, with an `id`. off: the param that switches it off."""

    name: str
    rows: pl.LazyFrame
    off: str = ""


class Validator:
    """Holds tables to their expectations. parameters: what entries reach by {"$PARAMETER": name}."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = dict(parameters)
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        # It warns of modules of Python and pandas that are its own concern, here and below.
        with warnings.catch_warnings(action="ignore"):
            import great_expectations

            context = great_expectations.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        self._suite = great_expectations.ExpectationSuite
        self._sources = context.data_sources

    def validate(self, table: Table, entries: Sequence[Entry]) -> TableOutcomes:
        """Hold a table to its expectations; one that is switched off is left.

        Raises BadInput naming an entry that Great Expectations does not know or cannot evaluate.
        """
        made = [make_expectation(entry, number) for number, entry in enumerate(entries)]
        if table.off:
            return TableOutcomes(table.name, 0, table.off, [])
        groups: dict[tuple[str, ...], list[int]] = {}
        for number, entry in enumerate(entries):
            groups.setdefault(("",) if entry.is_of_columns else entry.columns, []).append(number)
        found: dict[int, Outcome] = {}
        spoken_of = {name for entry in entries if not entry.is_of_columns for name in entry.columns}
        with ScratchFolder() as folder:
            rows = _Rows(table, ["id", *sorted(spoken_of - {"id"})], folder)
            for columns, numbers in groups.items():
                frame = rows.handed_over(columns, [entries[number].type for number in numbers])
                for number, result in self._results(frame, [made[number] for number in numbers]):
                    found[number] = _read_outcome(entries[number], result, rows)
                if rows.height > MANY:
                    del frame, result
                    gc.collect()
        return TableOutcomes(table.name, rows.height, "", [found[number] for number in range(len(entries))])

    def _results(self, frame: pd.DataFrame, made: list[Any]) -> list[tuple[int, Any]]:
        # A source of its own, which is then forgotten: it keeps every column that it has looked at.
        asset = self._sources.add_pandas(_SOURCE).add_dataframe_asset("table")
        whole = asset.add_batch_definition_whole_dataframe("whole")
        suite = self._suite(name="suite", expectations=made)
        try:
            with warnings.catch_warnings(action="ignore"):
                batch = whole.get_batch(batch_parameters={"dataframe": frame})
                found = batch.validate(suite, result_format=_RESULT, expectation_parameters=self._parameters)
        finally:
            self._sources.delete(_SOURCE)
        return [(each.expectation_config.meta[_PLACE], each) for each in found.results]


def make_expectation(entry: Entry, place: int = 0) -> Any:
    """Make Great Expectations' own object of an entry. Raises BadInput at an unknown type or wrong kwargs."""
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    given = ExpectationConfiguration(
        type=entry.type, kwargs=dict(entry.kwargs), meta={_PLACE: place}, severity=entry.severity
    )
    try:
        with warnings.catch_warnings(action="ignore"):
            return given.to_domain_obj()
    except ExpectationNotFoundError:
        known = sorted(list_registered_expectation_implementations())
        raise BadInput(f"{entry.place}: {unknown_name('type', entry.type, known)}") from None
    except ValueError as error:
        raise BadInput(f"{entry.place}: {_wrong_kwargs(error)}") from None


def _wrong_kwargs(error: ValueError) -> str:
    """Say what is wrong with kwargs, in a line. error: of pydantic's first version, which is within GX."""
    said: dict[str, list[str]] = {}
    for each in error.errors() if hasattr(error, "errors") else ():
        said.setdefault(".".join(map(str, each["loc"])), []).append(each["msg"])
    if not said:
        return str(error).splitlines()[0]
    name, messages = next(iter(said.items()))
    if messages == ["extra fields not permitted"]:
        return f"unknown kwarg '{name}'; expected those of its type in Great Expectations' gallery"
    return f"kwargs: {'' if name == '__root__' else f'{name}: '}{', or '.join(messages)}"


class _Rows:
    """Some columns of a table, in a file. height: how many rows they have."""

    def __init__(self, table: Table, columns: Sequence[str], folder: Path) -> None:
        self._file = folder / f"{table.name}.parquet"
        self._schema = table.rows.collect_schema()
        write_stream(self._file, table.rows.select(columns))
        self.height = int(pl.scan_parquet(self._file).select(pl.len()).collect().item())

    def ids(self, places: Sequence[int]) -> list[str]:
        """The ids of some rows."""
        if not places:
            return []
        ids = pl.read_parquet(self._file, columns=["id"])["id"]
        return [str(ids[place]) for place in places]

    def handed_over(self, columns: tuple[str, ...], types: Sequence[str]) -> pd.DataFrame:
        """Some columns as pandas has them; ("",): all, without rows; (): the rows, without a column.

        Where types ask no more than whether texts are equal, or there, numbers that are equal where the
        texts are go over in their place: pandas compares a million of those ten times as fast.
        """
        import pandas as pd

        if columns == ("",):
            return self._schema.to_frame().to_pandas()
        if not columns:
            return pd.DataFrame(index=range(self.height))
        found = pl.read_parquet(self._file, columns=list(columns)).select(columns)
        if set(types) <= _OF_EQUALITY:
            found = found.with_columns(
                pl.col(pl.String).cast(pl.Categorical(pl.Categories.random())).to_physical()
            )
        return found.to_pandas()


def _read_outcome(entry: Entry, given: Any, table: _Rows) -> Outcome:
    """Read one of its results."""
    if trouble := _format_exception(given.exception_info):
        raise BadInput(f"{entry.place}: cannot be evaluated: {trouble}")
    result = given.result
    kwargs = {name: _to_plain(value) for name, value in given.expectation_config.kwargs.items()}
    kwargs.pop("batch_id", None)
    rows, unexpected, share, failing = table.height, None, None, list[str]()
    if "element_count" in result:
        rows = result["element_count"] - (result.get("missing_count") or 0)
        unexpected = int(result["unexpected_count"])
        share = unexpected / rows if rows else 0.0
        failing = table.ids(result.get("partial_unexpected_index_list") or ())
    return Outcome(
        type=entry.type,
        column=", ".join(entry.columns),
        kwargs=kwargs,
        severity=entry.severity,
        success=bool(given.success),
        rows=rows,
        unexpected=unexpected,
        share=share,
        observed=None if unexpected is not None else _to_plain(_read_observed(result)),
        ids=failing,
        notes=entry.notes,
    )


def _read_observed(result: Mapping[str, Any]) -> Any:
    """What was found of a column or table as a whole."""
    found = result.get("observed_value")
    return result.get("partial_unexpected_list") if found is None else found


def _format_exception(info: Mapping[str, Any] | None) -> str:
    """What Great Expectations raised, in a line; '' if nothing. It files that by metric, or once."""
    each = [info or {}, *(own for own in (info or {}).values() if isinstance(own, dict))]
    said = [str(own.get("exception_message")) for own in each if own.get("raised_exception")]
    return " ".join(said[0].split())[:300] if said else ""


def _to_plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, dict):
        return {str(name): _to_plain(own) for name, own in value.items()}
    if isinstance(value, list | tuple | set):
        return [_to_plain(own) for own in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
