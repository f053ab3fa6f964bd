"""Download datasets of the hub at a pinned revision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evobuild.core.errors import UserError, require
from evobuild.seeds.params import Fetch


def download_dataset(source: Fetch, path: Path) -> None:
    """Download a data set and write it as Parquet, row by row as it is on the hub.

    Rows of several configs or splits are concatenated, with a column `config` or `split`. A column that only
    some have is null in the others.

    Raises UserError naming the data set if it cannot be had.
    """
    datasets = require("datasets", "data")
    datasets.disable_progress_bars()
    configs = source.config if isinstance(source.config, list) else [source.config]
    splits = source.split if isinstance(source.split, list) else [source.split]
    parts: list[Any] = []
    for config in configs:
        for split in splits:
            rows = _part(source, config, split)
            if isinstance(source.config, list):
                rows = _add_name_column(rows, "config", config)
            parts.append(_add_name_column(rows, "split", split) if isinstance(source.split, list) else rows)
    try:
        whole = parts[0] if len(parts) == 1 else datasets.concatenate_datasets(parts)
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"fetch: parts of '{source.hub}' differ in what they hold: {reason}") from error
    whole.to_parquet(str(path))


def _part(source: Fetch, config: str | None, split: str) -> Any:
    """One split of one config. Raises UserError if it cannot be had."""
    datasets = require("datasets", "data")
    try:
        return datasets.load_dataset(source.hub, config, revision=source.revision, split=split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())[:200]
        which = f"'{source.hub}' {f'config {config!r} ' if config else ''}split '{split}'"
        raise UserError(f"fetch: {which} cannot be had: {reason}") from error


def _add_name_column(rows: Any, column: str, value: str | None) -> Any:
    """Rows with a column of one value, in place of one of this name that they may have."""
    if column in rows.column_names:
        rows = rows.remove_columns(column)
    return rows.add_column(column, [value] * len(rows))
