"""Store rows of numbers in a temporary file, so that ten million vectors use disk instead of memory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from evobuild.core.errors import UserError


def _bytes(rows: NDArray[Any]) -> memoryview[int]:
    return memoryview(rows.data).cast("B") if rows.size else memoryview(b"")


class RowFile:
    """Rows of equal width, deleted when the context ends. `len` and slices work as for an array.

    The file is in the folder for temporary files, TMPDIR.
    """

    def __init__(self, kind: type[np.float32] | type[np.int32]) -> None:
        self.width = 0
        self._kind = np.dtype(kind)
        self._rows = 0
        self._file, name = tempfile.mkstemp()
        Path(name).unlink()

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, step = rows.indices(self._rows)
        if step != 1:
            raise ValueError(f"slice step is {step}; only consecutive rows can be read")
        found = np.empty((max(0, stop - start), self.width), self._kind)
        left, at = _bytes(found), start * self._row_bytes
        while left:
            read = os.preadv(self._file, [left], at)
            if not read:
                raise OSError("a temporary file was truncated")
            left, at = left[read:], at + read
        return found

    @property
    def _row_bytes(self) -> int:
        return self.width * self._kind.itemsize

    def append(self, rows: NDArray[Any]) -> None:
        """Append rows of one width. Raises UserError if the disk is full."""
        self.put(self._rows, rows)

    def put(self, start: int, rows: NDArray[Any]) -> None:
        """Write rows from a position on. Raises UserError if the disk is full."""
        self.width = self.width or rows.shape[1]
        if rows.shape[1] != self.width:
            raise ValueError(f"rows of {rows.shape[1]} numbers among those of {self.width}")
        left, at = _bytes(np.ascontiguousarray(rows, self._kind)), start * self._row_bytes
        try:
            while left:
                written = os.pwrite(self._file, left, at)
                left, at = left[written:], at + written
        except OSError as error:
            raise UserError(f"{tempfile.gettempdir()}: cannot be written: {error.strerror}") from error
        self._rows = max(self._rows, start + len(rows))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
