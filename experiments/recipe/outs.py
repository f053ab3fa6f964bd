"""What an experiment left: its params, tables and figures, read from DVC at the experiment's own commit.

Nothing is checked out and no metric of the workspace is read, so that what a table shows is what the
experiment's `dvc.lock` names.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import polars as pl

from evobuild.cli.check.params import Params, load_all_params
from evobuild.core import tables
from evobuild.core.errors import UserError
from evobuild.core.metrics import read_metrics


class Outs:
    """The files of an experiment, fetched one by one into a folder as they are asked for."""

    def __init__(self, revision: str) -> None:
        self._revision = revision
        self._folder = TemporaryDirectory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    @cached_property
    def _files(self) -> Any:
        from dvc.api import DVCFileSystem

        return DVCFileSystem(".", rev=self._revision)

    def path(self, name: str) -> Path:
        """Fetch a file, and give where it lies now.

        Raises UserError if the experiment has none, or DVC's cache and remote lack it.
        """
        from dvc.exceptions import DvcException

        target = Path(self._folder.name) / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._files.get_file(name, str(target))
            except (DvcException, OSError) as error:
                raise UserError(
                    f"experiment {self._revision}: {name} cannot be read "
                    f"({' '.join(str(error).split())[:120]}); remove it with "
                    f"`dvc exp remove {self._revision}` and run the recipe again"
                ) from error
        return target

    @cached_property
    def params(self) -> Params:
        """All params that it ran with."""
        return load_all_params(self.path("params.yaml"))

    def table(self, name: str, schema: pl.Schema) -> pl.DataFrame:
        """Read a Parquet table."""
        return tables.read(self.path(name), schema)

    def metrics(self, name: str) -> Any:
        """Read the figures of metrics/<name>.json."""
        return read_metrics(self.path(f"metrics/{name}.json"))

    def json(self, name: str) -> Any:
        """Read a JSON file."""
        return json.loads(self.path(name).read_text(encoding="utf-8"))
