"""The reply store: every reply ever paid for, by what was asked of which model.

One shelf outside all DVC outs, so that a crash, a changed stage, `--temp`, `--queue` or a change there
and back costs no call twice. The key is a hash of the engine, model, revision, options, messages and
sampling; a reply is kept as JSON.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from evobuild.cache import sqlite_cache
from evobuild.cache.sqlite_cache import Kind, Shelf
from evobuild.cache.sqlite_cache import number as number
from evobuild.core import machine
from evobuild.core.chat import Reply, Request
from evobuild.core.errors import UserError
from evobuild.models.record import Key as Key
from evobuild.models.record import decode, encode

VERSION = 1
"""Of the schema and of what goes into a key."""

KIND = Kind(
    "reply store",
    b"evob",
    VERSION,
    "replies",
    "reply",
    "`python -m evobuild store rebuild` keeps what can be read of it",
)
APPLICATION = KIND.number


def path() -> Path:
    """Where the store lies: $EVOBUILD_STORE, else `.evobuild/` of the repository.

    DVC sets $DVC_ROOT in stages, to the main repository also under --temp and --queue.
    """
    if explicit := os.environ.get("EVOBUILD_STORE"):
        return Path(explicit)
    return machine.root() / ".evobuild" / "replies.sqlite"


def connect(file: Path) -> sqlite3.Connection:
    """Open a reply store as `shelf.connect` does."""
    return sqlite_cache.connect(file, KIND)


def explained(file: Path, error: Exception) -> UserError:
    """Say what SQLite or the disk says of a store, and what to do."""
    return KIND.explained(file, error)


def insert(connection: sqlite3.Connection, rows: Sequence[tuple[Key, int, bytes, bytes]]) -> int:
    """Write rows of key, model, reply and checksum whose key is not there yet; count them."""
    return KIND.insert(connection, rows)


class Store(Shelf):
    """The open store, for one model. Raises UserError as `connect`, and later if the file fails.

    identity: the model's full name in the key: engine, name, revision and options that change results.
    """

    def __init__(self, file: Path, identity: str) -> None:
        super().__init__(file, KIND, identity)

    def key(self, request: Request) -> Key:
        """Hash what is asked: 16 bytes. Neither the request's key nor its purpose counts."""
        asked = repr((request.messages, request.sampling)).encode("utf-8", "surrogatepass")
        return self.hashed(asked)

    def get(self, keys: Sequence[Key]) -> dict[Key, Reply]:
        """Look replies up; their `key` is '' and they are marked as cached. Damaged ones are missing."""
        return {key: decode(reply) for key, reply in self.found(keys).items()}

    def put(self, key: Key, reply: Reply) -> None:
        """Keep a reply; `settle` or `flush` brings it to disk."""
        self.keep(key, encode(reply))
