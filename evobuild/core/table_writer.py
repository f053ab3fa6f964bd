"""Write a table whose rows come one by one, in any order, in bounded memory.

Rows that take too much memory are spilled to disk, each time sorted and cut into the 256 parts of a table.
Files of spills are merged in tiers, so that few are open when the table is put together part by part.

Polars' own `scan_parquet(...).sort("id").sink_parquet(...)` over such spills takes 1,685 MB and 24 s to sort
3,000,000 rows of 400 characters into one file. This takes 257 MB and 5 s for a folder of parts, on the same
two busy cores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core import table_parts, tables
from evobuild.core.scratch import ScratchFolder
from evobuild.core.tables import Columns

SPILL_BYTES = 64 << 20
"""Of rows in memory, before they go to disk."""


class TableWriter:
    """A table that is written as its rows come, in any order; `write` ends it."""

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        self.height = 0
        self.path, self._schema = path, schema
        self._rows = Columns(schema)
        self._spills: Spills | None = None

    def append(self, row: Sequence[Any]) -> None:
        """Add a row, its values in the order of the schema. Raises UserError if the disk is full."""
        self._rows.append(row)
        self.height += 1
        self._bound()

    def extend(self, rows: pl.DataFrame) -> None:
        """Add rows that are a table already. Raises UserError if the disk is full."""
        self._rows.extend(rows.select(self._schema.names()))
        self.height += rows.height
        self._bound()

    def write(self) -> None:
        """Write the table. Raises as `tables.write`."""
        if self._spills is None:
            tables.write(self.path, self._rows.frame())
            return
        self._spill()
        if table_parts.is_large(self.height):
            self.path.mkdir()
            tables.write_parts(self.path, self._spills.parts())
        else:
            tables.write_sorted(self.path, self._schema, self._spills.parts())
        self._spills.remove()

    def _bound(self) -> None:
        if self._rows.bytes >= SPILL_BYTES:
            self._spill()

    def _spill(self) -> None:
        """Bring the rows in memory to disk."""
        rows = self._rows.frame().sort("id")
        self._rows = Columns(self._schema)
        self._spills = self._spills or Spills(self._schema)
        try:
            self._spills.add(rows)
        except OSError as error:
            raise tables.unwritable(self._spills.folder / "a spill", error) from error


MERGED = 32
"""Files of a tier that become one of the next. So 500 leave 35, and 30,000 at most 93."""


class Spills:
    """Rows of one schema, in a scratch folder that goes with this object."""

    def __init__(self, schema: pl.Schema) -> None:
        self._schema = schema
        self._scratch = ScratchFolder()
        self.folder = self._scratch.path
        self._count = 0
        self._tiers: list[list[Path]] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Write rows that are sorted by id. Raises OSError if that fails."""
        self._add(0, map(_arrow, table_parts.split_by_id(rows)))

    def parts(self) -> Iterator[pl.DataFrame]:
        """Iterate over the 256 parts, each sorted by id; only one part is in memory."""
        for table in _read_parts([file for tier in self._tiers for file in tier]):
            part = pl.from_arrow(table)
            assert isinstance(part, pl.DataFrame), "a table is no column"
            yield part.match_to_schema(self._schema).sort("id")

    def remove(self) -> None:
        """Remove all files."""
        self._scratch.remove()

    def _add(self, tier: int, parts: Iterable[Any]) -> None:
        """Write a file of a tier: one batch of Arrow for each part, so that each is read alone."""
        import pyarrow as pa

        file = self.folder / f"{self._count:06}.arrow"
        self._count += 1
        kind = _arrow(self._schema.to_frame()).schema
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.OSFile(str(file), "wb") as stream, pa.ipc.new_file(stream, kind, options=options) as writer:
            for part in parts:
                writer.write_batch(_batch(part))
        self._tiers += [[] for _ in range(tier + 1 - len(self._tiers))]
        self._tiers[tier].append(file)
        if len(files := self._tiers[tier]) == MERGED:
            self._tiers[tier] = []
            self._add(tier + 1, _read_parts(files))
            for each in files:
                each.unlink()


def _read_parts(files: list[Path]) -> Iterator[Any]:
    """Read each part of some files as an unordered Arrow table."""
    import pyarrow as pa

    with ExitStack() as stack:
        # Not mapped: what was read would stay in memory, as far as there is any.
        streams = [stack.enter_context(pa.OSFile(str(file))) for file in files]
        readers = [pa.ipc.open_file(stream) for stream in streams]
        for number in range(len(table_parts.STARTS)):
            yield pa.Table.from_batches([reader.get_batch(number) for reader in readers])


def _arrow(rows: pl.DataFrame) -> Any:
    return rows.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())


def _batch(table: Any) -> Any:
    """Combine the rows of an Arrow table into one batch, which may be empty."""
    import pyarrow as pa

    columns = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)
