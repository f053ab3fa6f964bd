"""What an experiment left: its params, tables and figures, read from DVC at the experiment's own commit.

Nothing is checked out and no metric of the workspace is read, so that what a table shows is what the
experiment's `dvc.lock` names.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import polars as pl

from evobuild.cli.check.all_params import Params, load_all_params
from evobuild.cli.revision_files import RevisionFiles
from evobuild.core import tables
from evobuild.core.metrics import read_metrics


class Outs(RevisionFiles):
    """The files of an experiment, fetched one by one into a folder as they are asked for."""

    def _advice(self) -> str:
        return f"remove it with `dvc exp remove {self.revision}` and run the recipe again"

    @cached_property
    def params(self) -> Params:
        """All params that it ran with."""
        return load_all_params(self.fetch_file("params.yaml"))

    def table(self, name: str, schema: pl.Schema) -> pl.DataFrame:
        """Read a Parquet table."""
        return tables.read(self.fetch_file(name), schema)

    def metrics(self, name: str) -> Any:
        """Read the figures of metrics/<name>.json."""
        return read_metrics(self.fetch_file(f"metrics/{name}.json"))

    def json(self, name: str) -> Any:
        """Read a JSON file."""
        return json.loads(self.fetch_file(name).read_text(encoding="utf-8"))
