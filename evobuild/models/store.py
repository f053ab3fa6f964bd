"""The reply store: every reply ever paid for, by what was asked of which model.

One SQLite file (WAL) outside all DVC outs, so that a crash, a changed stage, `--temp`, `--queue` or
a change there and back costs no call twice. The key is a hash of the engine, model, revision,
options, messages and sampling; a reply is kept as JSON, with a checksum of key and JSON beside it.
Several processes may share the file.

What is damaged is never used: a row whose checksum is wrong counts as missing, so that it is asked
again and replaced; a file that SQLite cannot read is a UserError. A file of anyone else's is refused.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from evobuild import machine
from evobuild.frame.errors import UserError
from evobuild.frame.stage import log
from evobuild.models.record import Key as Key
from evobuild.models.record import checksum, decode, encode, is_sound
from evobuild.models.request import Reply, Request

VERSION = 1
"""Of the schema and of what goes into a key."""

APPLICATION = int.from_bytes(b"evob", "big")
"""SQLite's application_id: by it a reply store is known from any other SQLite file."""

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS models (number INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS replies
    (key BLOB NOT NULL UNIQUE, model INTEGER NOT NULL, reply BLOB NOT NULL, checksum BLOB NOT NULL);
PRAGMA application_id={APPLICATION};
PRAGMA user_version={VERSION};
COMMIT;
"""

BUFFER_ROWS = 2048
COMMIT_SECONDS = 0.02
"""Replies are committed in groups, at most this large and this often: a commit each would cost too much."""

BUSY_SECONDS = 60.0
CACHE_KB = 128 * 1024
WAL_PAGES = 16_384
"""Pages of 4 kB after which the log goes into the file: the index is hit everywhere, so seldom is faster."""

REBUILD = "`python -m evobuild store rebuild` keeps what can be read of it"


def path() -> Path:
    """Where the store lies: $EVOBUILD_STORE, else `.evobuild/` of the repository.

    DVC sets $DVC_ROOT in stages, to the main repository also under --temp and --queue.
    """
    if explicit := os.environ.get("EVOBUILD_STORE"):
        return Path(explicit)
    return machine.root() / ".evobuild" / "replies.sqlite"


def connect(file: Path) -> sqlite3.Connection:
    """Open a reply store, or begin a new one where there is none.

    Raises UserError if the file is no reply store, is newer than this program, is damaged or cannot
    be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    except (sqlite3.Error, OSError) as error:
        raise explained(file, error) from error
    try:
        # Before anything is written: another program's file stays as it is.
        if _is_new(file, connection):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
    except sqlite3.Error as error:
        connection.close()
        raise explained(file, error) from error
    except UserError:
        connection.close()
        raise
    return connection


def _is_new(file: Path, connection: sqlite3.Connection) -> bool:
    """Whether the file is still empty. Raises UserError if it is not, and no store of this version."""
    connection.execute("BEGIN")
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    connection.execute("COMMIT")
    if (application, version, tables) == (0, 0, 0):
        return True
    if application != APPLICATION:
        raise UserError(
            f"{file}: an SQLite file, but no reply store; it is left as it is: "
            "move it away or set EVOBUILD_STORE to another path"
        )
    if version != VERSION:
        advice = "update the program" if version > VERSION else "move it away to begin a new one"
        raise UserError(
            f"{file}: the reply store has version {version}, this program knows {VERSION}; {advice}"
        )
    return False


def explained(file: Path, error: Exception) -> UserError:
    """Say what SQLite or the disk says of a store, and what to do."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    # SQLITE_ERROR: what is asked is always the same, so it is the table or its columns that are gone.
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return UserError(f"{file}: the reply store is damaged: {error}; {REBUILD}")
    advice = {
        sqlite3.SQLITE_FULL: "free space on its disk, then run again",
        sqlite3.SQLITE_BUSY: "another process holds it; wait for it or stop it",
    }.get(code, "mend its permissions or its disk, or set EVOBUILD_STORE to another path")
    return UserError(f"{file}: the reply store cannot be used: {error}; {advice}")


class Store:
    """The open store, for one model. Raises UserError as `connect`, and later if the file fails.

    identity: the model's full name in the key: engine, name, revision and options that change results.
    """

    def __init__(self, file: Path, identity: str) -> None:
        self.file = file
        self._prefix = f"{VERSION}\n{identity}\n".encode()
        self._buffer: dict[Key, bytes] = {}
        self._damaged: set[Key] = set()
        self._flushed = time.monotonic()
        self._connection = connect(file)
        # Damage may turn bytes into a text that is no UTF-8, and SQLite would fail where we can say it.
        self._connection.text_factory = bytes
        try:
            self._model = number(self._connection, identity)
        except sqlite3.Error as error:
            self._connection.close()
            raise explained(file, error) from error

    def key(self, request: Request) -> Key:
        """Hash what is asked: 16 bytes. Neither the request's key nor its purpose counts."""
        asked = repr((request.messages, request.sampling)).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(self._prefix + asked, digest_size=16).digest()

    def get(self, keys: Sequence[Key]) -> dict[Key, Reply]:
        """Look replies up; their `key` is '' and they are marked as cached. Damaged ones are missing."""
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, reply, checksum FROM replies WHERE key IN ({marks})"
        try:
            rows = self._connection.execute(query, keys).fetchall()
        except sqlite3.Error as error:
            raise explained(self.file, error) from error
        found: dict[Key, Reply] = {}
        for key, reply, check in rows:
            if is_sound(key, reply, check):
                found[key] = decode(reply)
            else:
                self._report(key)
        if self._buffer:
            found |= {key: decode(self._buffer[key]) for key in keys if key in self._buffer}
        return found

    def _report(self, key: Key) -> None:
        if not self._damaged:
            log(f"{self.file}: a stored reply is damaged; such replies are not used but asked again")
        self._damaged.add(key)

    def put(self, key: Key, reply: Reply) -> None:
        """Keep a reply; `settle` or `flush` brings it to disk."""
        self._buffer[key] = encode(reply)
        if len(self._buffer) >= BUFFER_ROWS:
            self.flush()

    def settle(self) -> None:
        """Commit what is buffered, unless the last commit was a moment ago.

        Called after each batch of replies: with an engine that takes its time nothing waits, with a
        fast one no more than COMMIT_SECONDS' worth does.
        """
        if time.monotonic() - self._flushed >= COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what is buffered; the first reply to a question stays, unless it is damaged."""
        rows = [(key, self._model, reply, checksum(key, reply)) for key, reply in self._buffer.items()]
        damaged = [(key,) for key in self._damaged & self._buffer.keys()]
        try:
            if rows:
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._connection.executemany("DELETE FROM replies WHERE key = ?", damaged)
                    insert(self._connection, rows)
        except sqlite3.Error as error:
            raise explained(self.file, error) from error
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


def number(connection: sqlite3.Connection, identity: str) -> int:
    """The number of a model in the store; a new one is given where it has none."""
    connection.execute("INSERT OR IGNORE INTO models (identity) VALUES (?)", (identity,))
    found: int = connection.execute("SELECT number FROM models WHERE identity = ?", (identity,)).fetchone()[0]
    return found


def insert(connection: sqlite3.Connection, rows: Sequence[tuple[Key, int, bytes, bytes]]) -> int:
    """Write rows of key, model, reply and checksum whose key is not there yet; count them."""
    return connection.executemany("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?)", rows).rowcount
