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
import json
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from evobuild import machine
from evobuild.errors import UserError
from evobuild.models.request import Choice, Reply, Request
from evobuild.stage import log

VERSION = 1
"""Of the schema and of what goes into a key."""

APPLICATION = int.from_bytes(b"evob", "big")
"""SQLite's application_id: by it a reply store is known from any other SQLite file."""

Key = bytes

_DECODER = json.JSONDecoder()

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
BUFFER_SECONDS = 0.1
"""Replies are committed in groups at most this large or this old: what a kill may cost."""

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


def checksum(key: Key, reply: bytes) -> bytes:
    """8 bytes that tie a stored reply to its key."""
    return hashlib.blake2b(key + reply, digest_size=8).digest()


def is_sound(key: object, reply: object, check: object) -> bool:
    """Whether a row is what was once written; in a damaged one a value may be of any type."""
    return isinstance(key, bytes) and isinstance(reply, bytes) and check == checksum(key, reply)


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
        """Keep a reply; it is on disk after at most BUFFER_SECONDS of further calls, or `flush`."""
        self._buffer[key] = _encode(reply)
        if len(self._buffer) >= BUFFER_ROWS or time.monotonic() - self._flushed > BUFFER_SECONDS:
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


def _encode(reply: Reply) -> bytes:
    choices = [(choice.text, choice.finish, choice.tokens, choice.logprobs) for choice in reply.choices]
    text = json.dumps((reply.prompt_tokens, choices), separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def decode(stored: bytes) -> Reply:
    """Read a stored reply. Raises ValueError or TypeError if it is none."""
    # raw_decode spares the search for white space that json.loads begins and ends with.
    (prompt_tokens, choices), _ = _DECODER.raw_decode(stored.decode("utf-8", "surrogatepass"))
    made = [
        Choice(text, finish, tokens, logprobs and tuple(tuple(position) for position in logprobs))
        for text, finish, tokens, logprobs in choices
    ]
    return Reply("", tuple(made), prompt_tokens, None, True)
