"""The reply store: every reply ever paid for, by what was asked of which model.

One SQLite file (WAL) outside all DVC outs, so that a crash, a changed stage, `--temp`, `--queue` or
a change there and back costs no call twice. The key is a hash of the engine, model, revision,
options, messages and sampling; a reply is kept as JSON. Several processes may share it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from evobuild.errors import UserError
from evobuild.models.request import Choice, Reply, Request

VERSION = 1
"""Of the schema and of what goes into a key."""

Key = bytes

_SCHEMA = """
CREATE TABLE IF NOT EXISTS models (number INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS replies (key BLOB NOT NULL UNIQUE, model INTEGER NOT NULL, reply TEXT NOT NULL);
"""

BUFFER_ROWS = 512
BUFFER_SECONDS = 0.1
"""Replies are committed in groups at most this large or this old: what a kill may cost."""

BUSY_SECONDS = 60.0


def path() -> Path:
    """Where the store lies: $EVOBUILD_STORE, else `.evobuild/` of the repository.

    DVC sets $DVC_ROOT in stages, to the main repository also under --temp and --queue.
    """
    if explicit := os.environ.get("EVOBUILD_STORE"):
        return Path(explicit)
    return Path(os.environ.get("DVC_ROOT") or _repository()) / ".evobuild" / "replies.sqlite"


def _repository() -> Path:
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "dvc.yaml").exists()), here)


class Store:
    """The open store, for one model.

    identity: the model's full name in the key: engine, name, revision and options that change results.

    Raises UserError if the file is no reply store, is newer than this program, or cannot be written.
    """

    def __init__(self, file: Path, identity: str) -> None:
        self.file = file
        self._prefix = f"{VERSION}\n{identity}\n".encode()
        self._buffer: dict[Key, str] = {}
        self._flushed = time.monotonic()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
            self._model = self._open(identity)
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from error

    def _open(self, identity: str) -> int:
        run = self._connection.execute
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=NORMAL")
        run("PRAGMA cache_size=-131072")
        version = run("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise UserError(
                f"{self.file}: the reply store has version {version}, this program knows {VERSION}; update it"
            )
        if version < VERSION:
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={VERSION}; COMMIT;"
            )
        run("INSERT OR IGNORE INTO models (identity) VALUES (?)", (identity,))
        number: int = run("SELECT number FROM models WHERE identity = ?", (identity,)).fetchone()[0]
        return number

    def key(self, request: Request) -> Key:
        """Hash what is asked: 16 bytes. Neither the request's key nor its purpose counts."""
        asked = repr((request.messages, request.sampling)).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(self._prefix + asked, digest_size=16).digest()

    def get(self, keys: Sequence[Key]) -> dict[Key, Reply]:
        """Look replies up; their `key` is '' and they are marked as cached."""
        marks = ",".join("?" * len(keys))
        try:
            rows = self._connection.execute(
                f"SELECT key, reply FROM replies WHERE key IN ({marks})", keys
            ).fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from error
        buffered = [(key, self._buffer[key]) for key in keys if key in self._buffer]
        return {key: _decode(text) for key, text in [*rows, *buffered]}

    def put(self, key: Key, reply: Reply) -> None:
        """Keep a reply; it is on disk after at most BUFFER_SECONDS of further calls, or `flush`."""
        self._buffer[key] = _encode(reply)
        if len(self._buffer) >= BUFFER_ROWS or time.monotonic() - self._flushed > BUFFER_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what is buffered."""
        rows: Iterable[tuple[Key, int, str]] = [
            (key, self._model, text) for key, text in self._buffer.items()
        ]
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT OR IGNORE INTO replies VALUES (?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise self._explained(error) from error
        self._buffer.clear()
        self._flushed = time.monotonic()

    def _explained(self, error: Exception) -> UserError:
        return UserError(
            f"{self.file}: the reply store cannot be used: {error}; free the disk, mend its permissions, "
            "or move it away to begin a new one"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
        finally:
            self._connection.close()


def _encode(reply: Reply) -> str:
    choices = [(choice.text, choice.finish, choice.tokens, choice.logprobs) for choice in reply.choices]
    return json.dumps((reply.prompt_tokens, choices), separators=(",", ":"))


def _decode(text: str) -> Reply:
    prompt_tokens, choices = json.loads(text)
    return Reply(
        key="",
        choices=tuple(
            Choice(text, finish, tokens, logprobs and tuple(tuple(position) for position in logprobs))
            for text, finish, tokens, logprobs in choices
        ),
        prompt_tokens=prompt_tokens,
        cached=True,
    )
