"""Cache what models gave by key: in one SQLite table, beside the others' and outside all DVC outs.

Damaged data is never used: a row with a wrong checksum counts as missing, so that the model is called again
and the row replaced. Two caches exist: replies of chat models (`models/reply_cache.py`) and `Measurements`.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from evobuild.core import machine
from evobuild.core.cache_file import (
    CacheKind,
    Key,
    checksum,
    is_read_only,
    is_sound,
    model_number,
    open_sqlite_cache,
    open_to_read,
    transaction,
)
from evobuild.core.errors import UserError
from evobuild.process.terminal import log

REPLIES, MEASUREMENTS = "replies.sqlite", "measurements.sqlite"

BUFFER_ROWS = 2048
COMMIT_SECONDS = 0.02
"""Values are committed in groups, at most this large and this often: a commit each would cost too much."""

KEYS_PER_QUERY = 10_000
"""SQLite takes at most 32,766 variables."""

Value = TypeVar("Value")

_folder: ContextVar[Path | None] = ContextVar("folder", default=None)


@contextmanager
def use_cache_folder(folder: Path) -> Iterator[None]:
    """Use the caches of a folder inside, whatever the environment says."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def replies_file() -> Path:
    """Locate the reply cache: $EVOBUILD_STORE, else in `.evobuild/` of the repository.

    DVC sets $DVC_ROOT in stages, to the main repository also under --temp and --queue.
    """
    if folder := _folder.get():
        return folder / REPLIES
    if explicit := os.environ.get("EVOBUILD_STORE"):
        return Path(explicit)
    return machine.repository_root() / ".evobuild" / REPLIES


def measurements_file() -> Path:
    """Locate the measurements, beside the reply cache, so that $EVOBUILD_STORE moves both."""
    return replies_file().with_name(MEASUREMENTS)


class SqliteCache:
    """An open cache file, for one model: bytes by key. A read-only file serves the values that it has.

    Raises UserError as `open_sqlite_cache`, and later if the file fails.

    identity: the model's full name in the key: whatever changes what it gives.
    """

    def __init__(self, file: Path, kind: CacheKind, identity: str) -> None:
        self.file = file
        self._kind = kind
        self._prefix = f"{kind.version}\n{identity}\n".encode()
        self._buffer: dict[Key, bytes] = {}
        self._damaged: set[Key] = set()
        self._flushed = time.monotonic()
        self._read_only: UserError | None = None
        self._logged_read_only = False
        try:
            self._connection, self._model = _open_for_model(file, kind, identity)
        except UserError as error:
            if not is_read_only(file, error):
                raise
            self._connection, self._model, self._read_only = open_to_read(file, kind), 0, error
        # Damage may turn bytes into a text that is no UTF-8, and SQLite would fail where we can say it.
        self._connection.text_factory = bytes

    def check_writable(self) -> None:
        """Raise UserError if the file is read-only. Call it before a model is paid for a value to put."""
        if self._read_only:
            raise self._read_only

    def hash_content(self, content: bytes) -> Key:
        """Hash a content for this model: 16 bytes."""
        return hashlib.blake2b(self._prefix + content, digest_size=16).digest()

    def get_many(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """Get the values of keys; those never put, or damaged, are missing."""
        values: dict[Key, bytes] = {}
        for key, value, check in self._select(sorted(set(keys))):
            if is_sound(key, value, check):
                values[key] = value
            else:
                self._report(key)
        if values and self._read_only and not self._logged_read_only:
            self._logged_read_only = True
            log(f"{self.file}: the {self._kind.name} is read-only: using cached values, adding none")
        if self._buffer:
            values |= {key: self._buffer[key] for key in keys if key in self._buffer}
        return values

    def _select(self, keys: Sequence[Key]) -> Iterator[tuple[Key, bytes, bytes]]:
        """Read the rows of keys: key, value and checksum."""
        try:
            for start in range(0, len(keys), KEYS_PER_QUERY):
                some = keys[start : start + KEYS_PER_QUERY]
                marks = ",".join("?" * len(some))
                columns, table = f"key, {self._kind.column}, checksum", self._kind.table
                query = f"SELECT {columns} FROM {table} WHERE key IN ({marks})"
                yield from self._connection.execute(query, some)
        except sqlite3.Error as error:
            raise self._kind.user_error(self.file, error) from error

    def get_decoded(self, decode: Callable[[bytes], Value], keys: Sequence[Key]) -> dict[Key, Value]:
        """Get the values of keys and decode them; one that cannot be decoded is missing, as a damaged one is.

        A checksum shows damage since the value was written, but not that another program wrote it.

        decode: raises ValueError, RecursionError or struct.error for a value that it did not encode.
        """
        values: dict[Key, Value] = {}
        for key, value in self.get_many(keys).items():
            try:
                values[key] = decode(value)
            except (ValueError, RecursionError, struct.error):
                self._report(key)
        return values

    def _report(self, key: Key) -> None:
        if not self._damaged:
            log(
                f"{self.file}: a stored {self._kind.column} is damaged; such {self._kind.table} "
                "are not used but made again"
            )
        self._damaged.add(key)

    def put(self, key: Key, value: bytes) -> None:
        """Add a value, which `commit_if_due` or `flush` writes. Raises UserError as `check_writable`."""
        self.check_writable()
        self._buffer[key] = value
        if len(self._buffer) >= BUFFER_ROWS:
            self.flush()

    def commit_if_due(self) -> None:
        """Commit what is buffered, unless the last commit was less than COMMIT_SECONDS ago.

        Call it after each batch: a slow model's replies are then committed at once, a fast one's in groups.
        """
        if time.monotonic() - self._flushed >= COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what is buffered; the first value of a key stays, unless it is damaged."""
        table = self._kind.table
        rows = [(key, self._model, value, checksum(key, value)) for key, value in self._buffer.items()]
        damaged = [(key,) for key in self._damaged & self._buffer.keys()]
        try:
            if rows:
                with transaction(self._connection):
                    self._connection.executemany(f"DELETE FROM {table} WHERE key = ?", damaged)
                    self._connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise self._kind.user_error(self.file, error) from error
        self._damaged -= self._buffer.keys()
        self._buffer.clear()
        self._flushed = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
        finally:
            self._connection.close()


def _open_for_model(file: Path, kind: CacheKind, identity: str) -> tuple[sqlite3.Connection, int]:
    """Open a file to read and write, and give the number of a model in it."""
    connection = open_sqlite_cache(file, kind)
    try:
        return connection, model_number(connection, identity)
    except sqlite3.Error as error:
        connection.close()
        raise kind.user_error(file, error) from error


MEASUREMENT_KIND = CacheKind(
    "file of measurements",
    b"evom",
    1,
    "measurements",
    "measurement",
    "move it away: what it held is measured again",
)


class Measurements(SqliteCache):
    """Losses, embeddings or rewards by one model, so that a rerun measures nothing twice.

    A stage that finds all its measurements here loads no model. Raises UserError if the file cannot be used.

    identity: whatever changes the numbers: kind, model by content or commit, libraries, dtype, adapter,
    template, truncation. Instance: "losses models/scratch#1f3c… torch==2.13.0 float32 plain 2048".
    """

    def __init__(self, identity: str) -> None:
        super().__init__(measurements_file(), MEASUREMENT_KIND, identity)

    def key(self, content: str | bytes) -> Key:
        """Hash what is measured, with the identity: 16 bytes."""
        encoded = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        return self.hash_content(encoded)

    def put(self, key: Key, value: bytes) -> None:
        """Add a measurement; commits come in groups, and on exit, also after an error."""
        super().put(key, value)
        self.commit_if_due()
