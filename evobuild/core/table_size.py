"""How large a Parquet file is once it is read, found by a process of its own that can be stopped.

A few kilobytes may hold gigabytes: by compression, by one text that a dictionary repeats, by runs of one
value; and what the file says of its own size need not be so. So a process reads it as a stream, while its
memory and its time are watched, and a file that is far larger inside than on disk is never read whole.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.errors import BadInput
from evobuild.core.text_files import MOST_TIMES, too_large
from evobuild.process.terminal import print_text

if TYPE_CHECKING:
    import polars as pl

LEAST_BYTES = 16 << 20
"""Bytes that any table may expand to; beyond them MOST_TIMES its size."""
VALUE_BYTES = 16
"""Of a value beside its text, be it null."""

LEAST_MEMORY = 512 << 20
MEMORY_TIMES = 20
"""Bytes of memory that reading may take, and times the file's size beyond them."""
SECONDS = 5
BYTES_A_SECOND = 10 << 20
"""Of a processor's time likewise; some 100 MB are read a second."""


def check_table_size(path: Path) -> None:
    """Raise BadInput if a Parquet file expands to more than it may, within seconds and in bounded memory.

    A file that cannot be read is left to whoever reads it.
    """
    size = path.stat().st_size
    command = [sys.executable, "-m", __name__, str(path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        try:
            while child.poll() is None:
                if _memory(child.pid) > LEAST_MEMORY + MEMORY_TIMES * size:
                    raise too_large(path)
                time.sleep(0.02)
        finally:
            child.kill()
        said = child.stdout.read() if child.stdout else ""
    if child.returncode == -signal.SIGXCPU:
        raise BadInput(f"{path}: takes too long to be read; expected a table of texts")
    if said and int(said) > LEAST_BYTES + MOST_TIMES * size:
        raise too_large(path)


def _memory(process: int) -> int:
    """Get the private bytes of a process; 0 if the system does not report them."""
    with suppress(OSError, ValueError, IndexError):
        _, resident, shared, *_ = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    return 0


def expanded_size(path: Path) -> int:
    """Compute the bytes of all values of a Parquet file. Raises polars' errors if it cannot be read."""
    import polars as pl

    rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    sizes = (size for name, kind in rows.collect_schema().items() for size in _sizes(pl.col(name), kind))
    return int(rows.select(pl.sum_horizontal(sizes)).collect(engine="streaming").item())


def _sizes(values: pl.Expr, kind: object) -> Iterator[pl.Expr]:
    """Expressions for the bytes of a column's values, one for each nested field."""
    import polars as pl

    yield values.len().cast(pl.Int64) * VALUE_BYTES
    if isinstance(kind, pl.String):
        yield values.str.len_bytes().cast(pl.Int64).sum()
    elif isinstance(kind, pl.Binary):
        yield values.bin.size().cast(pl.Int64).sum()
    elif isinstance(kind, pl.List | pl.Array):
        yield from _sizes(values.explode(), kind.inner)
    elif isinstance(kind, pl.Struct):
        for field in kind.fields:
            yield from _sizes(values.struct.field(field.name), field.dtype)


def main(path: Path) -> None:
    """Print the size of a Parquet file, or be ended by the system when that takes too long."""
    seconds = SECONDS + path.stat().st_size // BYTES_A_SECOND
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print_text(str(expanded_size(path)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
