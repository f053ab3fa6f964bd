"""Data sets of the hub, at a pinned revision."""

from __future__ import annotations

from pathlib import Path

from evobuild.core.errors import UserError, require
from evobuild.seeds.params import Fetch


def download_dataset(source: Fetch, path: Path) -> None:
    """Download one split and write it as Parquet, row by row as it is on the hub.

    Raises UserError naming the data set if it cannot be had.
    """
    datasets = require("datasets", "data")
    datasets.disable_progress_bars()
    try:
        rows = datasets.load_dataset(source.hub, source.config, revision=source.revision, split=source.split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"fetch: '{source.hub}' split '{source.split}' cannot be had: {reason}") from error
    rows.to_parquet(str(path))
