"""Open, create, merge and prune the SQLite file (WAL) of a cache, which processes share.

The application_id of a file names its kind; a file of another program is refused, one that SQLite cannot read
is a UserError. Every row has a checksum over key and value.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from evobuild.core.errors import UserError
from evobuild.core.private_files import private_file, tighten
from evobuild.core.text_files import special_kind

BUSY_SECONDS = 60.0
CACHE_KB = 128 * 1024
WAL_PAGES = 16_384
"""Pages of 4 kB after which the log is copied into the file. Keys are hashes, so each commit changes pages
all over the index; to copy seldom writes a page once for many commits."""

ROWS_PER_DELETE = 20_000
"""Row numbers that one transaction of `delete_rows` covers: other processes wait for no more."""
PAGES_PER_VACUUM = 4_000
"""Free pages that one transaction gives back, for the same reason."""
INCREMENTAL = 2
"""SQLite's auto_vacuum mode in which free pages stay in the file until `incremental_vacuum`."""

LAYOUT = 3
"""The user_version of files. Layout 2 had several tables (`replies`, `replies_1`, ...), which are merged
when the file is opened. Layout 1 is the same as 3, but programs that know only 2 must not write to a merged
file."""

Key = bytes
"""Hash of a request and its model, 16 bytes."""
Row = tuple[Key, int, bytes, bytes]
"""Key, number of the model, value, checksum."""


def checksum(key: Key, value: bytes) -> bytes:
    """Compute the 8 bytes that tie a cached value to its key."""
    return hashlib.blake2b(key + value, digest_size=8).digest()


def is_sound(key: object, value: object, found: object) -> bool:
    """Whether a row is as it was written; in a damaged file a value may have any type.

    found: the checksum of the row.
    """
    return isinstance(key, bytes) and isinstance(value, bytes) and found == checksum(key, value)


@dataclass(frozen=True)
class CacheKind:
    """A kind of cache file.

    name: in messages; mend: what to do when the file is damaged; application: SQLite's application_id;
    version: of the content of keys; table, column: names of the table and its values: "replies", "reply".
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
        """The statements that make a new file."""
        return f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS models (number INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS {self.table}
    (key BLOB NOT NULL UNIQUE, model INTEGER NOT NULL, {self.column} BLOB NOT NULL, checksum BLOB NOT NULL);
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


def open_sqlite_cache(file: Path, kind: CacheKind) -> sqlite3.Connection:
    """Open a file of some kind; create it if it is missing, merge the tables of an old layout.

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
        _create(file, kind, connection)
        _merge_segments(kind, connection)
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


def _create(file: Path, kind: CacheKind, connection: sqlite3.Connection) -> None:
    """Give a new file its schema. Raises UserError if it is another program's, which stays as it is."""
    deadline = time.monotonic() + BUSY_SECONDS
    while _is_new(file, kind, connection):
        try:
            connection.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
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


def _merge_segments(kind: CacheKind, connection: sqlite3.Connection) -> None:
    """Merge the tables of a file of layout 2, one per transaction: an interrupted merge can resume."""
    while connection.execute("PRAGMA user_version").fetchone()[0] < LAYOUT:
        with transaction(connection):
            # Another process may have merged some, or all, before this one got its lock.
            if segments := _segment_names(kind, connection):
                # Oldest first: of two values of a key, the first stays.
                connection.execute(f"INSERT OR IGNORE INTO {kind.table} SELECT * FROM {segments[0]}")
                connection.execute(f"DROP TABLE {segments[0]}")
            else:
                connection.execute("DROP TABLE IF EXISTS counts")
                connection.execute("DROP TABLE IF EXISTS filters")
                connection.execute(f"PRAGMA user_version={LAYOUT}")


def _segment_names(kind: CacheKind, connection: sqlite3.Connection) -> list[str]:
    """List the further tables of a file of layout 2, oldest first: replies_1, replies_2, ..."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?"
    names = [name for (name,) in connection.execute(query, (f"{kind.table}_[0-9]*",))]
    return sorted(names, key=lambda name: (len(name), name))


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
            _view_segments(kind, connection)
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


def _view_segments(kind: CacheKind, connection: sqlite3.Connection) -> None:
    """Let the table's name mean all tables of a file of layout 2 that cannot be merged."""
    if segments := _segment_names(kind, connection):
        # SQLite looks a name up among temporary views first; these are in memory.
        connection.execute("PRAGMA temp_store=MEMORY")
        tables = " UNION ALL ".join(f"SELECT * FROM main.{name}" for name in (kind.table, *segments))
        connection.execute(f"CREATE TEMP VIEW {kind.table} AS {tables}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock of the file inside; commit at the end, roll back on an error."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield


def model_number(connection: sqlite3.Connection, identity: str) -> int:
    """Get the number of a model in the file; add the model if it is new."""
    connection.execute("INSERT OR IGNORE INTO models (identity) VALUES (?)", (identity,))
    found: int = connection.execute("SELECT number FROM models WHERE identity = ?", (identity,)).fetchone()[0]
    return found


def open_readable(file: Path, kind: CacheKind) -> sqlite3.Connection:
    """Open a file of some kind, to read and write if it may be written. Raises UserError."""
    try:
        return open_sqlite_cache(file, kind)
    except UserError as error:
        if not is_read_only(file, error):
            raise
        return open_to_read(file, kind)


def delete_rows(
    connection: sqlite3.Connection, kind: CacheKind, models: Sequence[int], drops: Callable[[bytes], bool]
) -> int:
    """Delete the rows of some models whose value `drops` accepts; count them.

    Deletes a range of row numbers per transaction and then shrinks the file in steps, so that other processes
    read and write meanwhile.
    """
    last = connection.execute(f"SELECT max(rowid) FROM {kind.table}").fetchone()[0] or 0
    marks = ",".join("?" * len(models))
    some = (
        f"SELECT rowid, CAST({kind.column} AS BLOB) FROM {kind.table} "
        f"WHERE rowid BETWEEN ? AND ? AND model IN ({marks})"
    )
    removed = 0
    for start in range(1, last + 1, ROWS_PER_DELETE):
        with transaction(connection):
            rows = connection.execute(some, (start, start + ROWS_PER_DELETE - 1, *models))
            numbers = [(number,) for number, value in rows if drops(value)]
            connection.executemany(f"DELETE FROM {kind.table} WHERE rowid = ?", numbers)
            removed += len(numbers)
    if removed:
        _shrink(connection)
    return removed


def _shrink(connection: sqlite3.Connection) -> None:
    """Give the free pages of a file back to the disk, some per transaction.

    A file of layout 1 is rewritten once, to get the auto_vacuum mode that this needs; writers wait meanwhile.
    """
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0] != INCREMENTAL:
        connection.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
        connection.execute("VACUUM")
    while free := connection.execute("PRAGMA freelist_count").fetchone()[0]:
        connection.execute(f"PRAGMA incremental_vacuum({PAGES_PER_VACUUM})").fetchall()
        if connection.execute("PRAGMA freelist_count").fetchone()[0] >= free:
            break
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def is_read_only(file: Path, error: UserError) -> bool:
    """Whether a file that could not be opened is there and may only be read, or its folder may."""
    code = getattr(error.__cause__, "sqlite_errorcode", None) or 0
    return code & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) and file.is_file()
