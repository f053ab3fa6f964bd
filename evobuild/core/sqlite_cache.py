"""An SQLite cache: what models gave, by what they were asked, in a file (WAL) that processes share.

A file is of one kind, which its application_id tells; a file of anyone else's is refused. Every value
has a checksum that ties it to its key. What is damaged is never used: a row whose checksum is wrong
counts as missing, so that it is asked again and replaced; a file that SQLite cannot read is a UserError.
Its values lie in segments (`cache_segments`), so that it takes fifty millions as fast as the first.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

from evobuild.core import cache_segments
from evobuild.core.cache_segments import Segments
from evobuild.core.checksums import Key, checksum, is_sound
from evobuild.core.errors import UserError
from evobuild.core.private_files import private_file, tighten
from evobuild.core.text_files import special_kind
from evobuild.process.terminal import log

BUFFER_ROWS = 2048
COMMIT_SECONDS = 0.02
"""Values are committed in groups, at most this large and this often: a commit each would cost too much."""

BUSY_SECONDS = 60.0
CACHE_KB = 128 * 1024
WAL_PAGES = 16_384
"""Pages of 4 kB after which the log goes into the file: an index is hit everywhere, so seldom is faster."""

LAYOUT = 2
"""Of files, as their user_version. One of layout 1 has a single segment, and is taken as it is."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class CacheKind:
    """A kind of file. name: what it is called; mend: what to do when it is damaged.

    application: SQLite's application_id; version: of what goes into a key.
    table, column: what holds the values, as they are called: "replies", "reply".
    """

    name: str
    application: bytes
    version: int
    table: str
    column: str
    mend: str

    @property
    def number(self) -> int:
        """The application_id."""
        return int.from_bytes(self.application, "big")

    @property
    def schema(self) -> str:
        """What a new file begins with."""
        return f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS models (number INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS {self.table} {cache_segments.segment_columns(self.column)};
{cache_segments.SUMMARIES};
PRAGMA application_id={self.number};
PRAGMA user_version={LAYOUT};
COMMIT;
"""

    def user_error(self, file: Path, error: Exception) -> UserError:
        """Say what SQLite or the disk says of a file of this kind, and what to do."""
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        # SQLITE_ERROR: what is asked is always the same, so it is the table or its columns that are gone.
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
            return UserError(f"{file}: the {self.name} is damaged: {error}; {self.mend}")
        advice = {
            sqlite3.SQLITE_FULL: "what it holds is kept; free space on its disk, then run again",
            sqlite3.SQLITE_BUSY: "another process holds it; wait for it or stop it",
        }.get(code, "mend its permissions or its disk, or set EVOBUILD_STORE to another path")
        return UserError(f"{file}: the {self.name} cannot be used: {error}; {advice}")

    def segments(self, connection: sqlite3.Connection) -> Segments:
        """The segments of a file of this kind."""
        return Segments(connection, self.table, self.column)


def open_sqlite_cache(file: Path, kind: CacheKind) -> sqlite3.Connection:
    """Open a file of some kind, or begin a new one where there is none.

    Raises UserError if the file is of no or another kind, is newer than this program, is damaged or
    cannot be written.
    """
    if found := special_kind(file):
        raise UserError(f"{file}: {found}; set EVOBUILD_STORE to another path")
    try:
        private_file(file)
        # SQLite gives new ones the file's own mode.
        for suffix in ("-wal", "-shm"):
            tighten(file.with_name(file.name + suffix))
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    except (sqlite3.Error, OSError) as error:
        raise kind.user_error(file, error) from error
    try:
        _begin(file, kind, connection)
        _renew(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
    except sqlite3.Error as error:
        connection.close()
        raise kind.user_error(file, error) from error
    except UserError:
        connection.close()
        raise
    return connection


def _begin(file: Path, kind: CacheKind, connection: sqlite3.Connection) -> None:
    """Give a new file its schema. Raises UserError if it is another program's, which stays as it is."""
    deadline = time.monotonic() + BUSY_SECONDS
    while _is_new(file, kind, connection):
        try:
            connection.execute(f"PRAGMA auto_vacuum={cache_segments.INCREMENTAL}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(kind.schema)
        except sqlite3.OperationalError as error:
            # To change to WAL, SQLite does not wait for another process that is about to begin the same file.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)


def _is_new(file: Path, kind: CacheKind, connection: sqlite3.Connection) -> bool:
    """Whether the file is still empty. Raises UserError if it is not, and none of this kind and version."""
    connection.execute("BEGIN")
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.execute("COMMIT")
    if (application, version, tables) == (0, 0, 0):
        return True
    if application != kind.number:
        raise UserError(
            f"{file}: an SQLite file, but no {kind.name}; it is left as it is: "
            "move it away or set EVOBUILD_STORE to another path"
        )
    if not 1 <= version <= LAYOUT:
        advice = "update the program" if version > LAYOUT else "move it away to begin a new one"
        raise UserError(
            f"{file}: the {kind.name} has version {version}, this program knows {LAYOUT}; {advice}"
        )
    return False


def _renew(connection: sqlite3.Connection) -> None:
    """Have a file of layout 1 take further segments; programs from before refuse it from now on."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < LAYOUT:
        schema = f"{cache_segments.SUMMARIES}; PRAGMA user_version={LAYOUT}"
        connection.executescript(f"BEGIN IMMEDIATE; {schema}; COMMIT;")


def open_to_read(file: Path, kind: CacheKind) -> sqlite3.Connection:
    """Open a file of some kind that may only be read.

    Raises UserError if it cannot be read, or is of no or another kind or version.
    """
    name = quote(str(file.absolute()))
    # Beside a file in WAL mode SQLite writes another, to read as to write, unless nothing can change it.
    for mode in ("mode=ro", "immutable=1"):
        connection = sqlite3.connect(f"file:{name}?{mode}", uri=True, isolation_level=None)
        try:
            if _is_new(file, kind, connection):
                raise kind.user_error(file, sqlite3.OperationalError("it is empty and cannot be written"))
        except sqlite3.Error as error:
            connection.close()
            if mode != "mode=ro":
                raise kind.user_error(file, error) from error
        except UserError:
            connection.close()
            raise
        else:
            return connection
    raise AssertionError("the last mode returns or raises")


def model_number(connection: sqlite3.Connection, identity: str) -> int:
    """The number of a model in the file; a new one is given where it has none."""
    connection.execute("INSERT OR IGNORE INTO models (identity) VALUES (?)", (identity,))
    found: int = connection.execute("SELECT number FROM models WHERE identity = ?", (identity,)).fetchone()[0]
    return found


def _open_for_model(file: Path, kind: CacheKind, identity: str) -> tuple[sqlite3.Connection, int]:
    """Open a file to read and write, and give the number of a model in it."""
    connection = open_sqlite_cache(file, kind)
    try:
        return connection, model_number(connection, identity)
    except sqlite3.Error as error:
        connection.close()
        raise kind.user_error(file, error) from error


def open_readable(file: Path, kind: CacheKind) -> sqlite3.Connection:
    """Open a file of some kind, to read and write if it may be written. Raises UserError."""
    try:
        return open_sqlite_cache(file, kind)
    except UserError as error:
        if not _is_shut(file, error):
            raise
        return open_to_read(file, kind)


def _is_shut(file: Path, error: UserError) -> bool:
    """Whether a file that could not be opened is there and may only be read, or its folder may."""
    code = getattr(error.__cause__, "sqlite_errorcode", None) or 0
    return code & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) and file.is_file()


class SqliteCache:
    """An open file, for one model: bytes by key. One that may only be read serves what it has.

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
        self._shut: UserError | None = None
        self._told_shut = False
        try:
            self._connection, self._model = _open_for_model(file, kind, identity)
        except UserError as error:
            if not _is_shut(file, error):
                raise
            self._connection, self._model, self._shut = open_to_read(file, kind), 0, error
        # Damage may turn bytes into a text that is no UTF-8, and SQLite would fail where we can say it.
        self._connection.text_factory = bytes
        self._segments = kind.segments(self._connection)

    def check_writable(self) -> None:
        """Raise UserError if the file can only be read: ask before what is to be kept costs anything."""
        if self._shut:
            raise self._shut

    def hashed(self, content: bytes) -> Key:
        """Hash a content for this model: 16 bytes."""
        return hashlib.blake2b(self._prefix + content, digest_size=16).digest()

    def found(self, keys: Sequence[Key]) -> dict[Key, bytes]:
        """Look values up. Damaged ones are missing."""
        values: dict[Key, bytes] = {}
        try:
            rows = self._segments.find(keys)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._kind.user_error(self.file, error) from error
        for key, value, check in rows:
            if is_sound(key, value, check):
                values[key] = value
            else:
                self._report(key)
        if values and self._shut and not self._told_shut:
            self._told_shut = True
            log(f"{self.file}: the {self._kind.name} can only be read; what it holds is used, none is added")
        if self._buffer:
            values |= {key: self._buffer[key] for key in keys if key in self._buffer}
        return values

    def found_as(self, read: Callable[[bytes], Value], keys: Sequence[Key]) -> dict[Key, Value]:
        """Look values up and read them; one that `read` cannot read is missing, as a damaged one is.

        read: raises ValueError, RecursionError or struct.error at what is none.
        A checksum tells what was harmed since it was written; not what another program wrote.
        """
        values: dict[Key, Value] = {}
        for key, value in self.found(keys).items():
            try:
                values[key] = read(value)
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

    def keep(self, key: Key, value: bytes) -> None:
        """Keep a value, which `settle` or `flush` brings to disk. Raises UserError as `check_writable`."""
        self.check_writable()
        self._buffer[key] = value
        if len(self._buffer) >= BUFFER_ROWS:
            self.flush()

    def settle(self) -> None:
        """Commit what is buffered, unless the last commit was a moment ago.

        Called after each batch: where one takes its time nothing waits, else no more than
        COMMIT_SECONDS' worth does.
        """
        if time.monotonic() - self._flushed >= COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what is buffered; the first value of a key stays, unless it is damaged."""
        rows = [(key, self._model, value, checksum(key, value)) for key, value in self._buffer.items()]
        damaged = list(self._damaged & self._buffer.keys())
        try:
            if rows:
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._segments.delete(damaged)
                    self._segments.insert(rows)
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
