"""Who is about to pay for a reply: builds that share a reply cache and ask the same leave it to one of them.

Before a request is sent, its key is claimed in the cache's file: a row of `claims`, with the name of its
owner, who holds a lock on a file beside the cache as long as the process lives. The kernel lets go of the
lock however the process ends, so that a claim whose owner was killed counts for nothing at once, and no clock
is needed. Claims of other models of the same process hold nobody up: they would wait for themselves.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import sqlite3
import stat
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from evobuild.core.cache_file import Key, transaction

PROCESS = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
"""What the names of this process's owners begin with."""

OWNER = re.compile(r"\d+-[0-9a-f]{8}-\d+")
"""A name that an owner may have; others may write to the file, and what they write is no path."""

_NUMBERS = itertools.count(1)


class Claims:
    """The claims of one open reply cache. `begin` and `take` are called in a transaction of the caller's."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection = connection
        self._file = file
        self._owner = f"{PROCESS}-{next(_NUMBERS)}"
        self._lock: int | None = None

    def begin(self) -> None:
        """Become an owner, and sweep what killed ones left."""
        if self._lock is not None:
            return
        # Locked before it is named in a claim, so that nobody takes its owner for a dead one.
        path, mode = self._path(self._owner), stat.S_IMODE(self._file.stat().st_mode)
        self._lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, mode)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID"
        )
        owners = self._connection.execute("SELECT DISTINCT owner FROM claims").fetchall()
        for owner in {_text(name) for (name,) in owners} - {self._owner}:
            self._is_alive(owner)

    def take(self, keys: Sequence[Key], force: bool = False) -> list[Key]:
        """Claim keys, and give those that another living process has claimed. force: take these over."""
        marks = ",".join("?" * len(keys))
        rows = self._connection.execute(f"SELECT key, owner FROM claims WHERE key IN ({marks})", keys)
        owners = {key: _text(owner) for key, owner in rows.fetchall()}
        alive = {owner: self._is_alive(owner) for owner in set(owners.values())}
        theirs = [] if force else [key for key in keys if alive.get(owners.get(key, ""), False)]
        ours = [(key, self._owner) for key in set(keys).difference(theirs)]
        self._connection.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?)", ours)
        return theirs

    def release(self, keys: Iterable[Key]) -> None:
        """Give up own claims: there is a reply, or there will be none."""
        own = [(key, self._owner) for key in keys] if self._lock is not None else []
        if own:
            with transaction(self._connection):
                self._connection.executemany("DELETE FROM claims WHERE key = ? AND owner = ?", own)

    def end(self) -> None:
        """Give up all own claims, and be no owner any more."""
        if self._lock is None:
            return
        # Without its lock a claim counts for nothing, should it stay.
        with suppress(sqlite3.Error):
            self._connection.execute("DELETE FROM claims WHERE owner = ?", (self._owner,))
        self._remove(self._owner)
        os.close(self._lock)
        self._lock = None

    def _is_alive(self, owner: str) -> bool:
        """Whether an owner is another process, and lives; what a dead one has claimed is removed."""
        if owner.startswith(PROCESS):
            return False
        if OWNER.fullmatch(owner):
            try:
                with self._path(owner).open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except FileNotFoundError:
                pass
            except OSError:
                # Locked, or another user's; whoever waits for it does not do so for ever.
                return True
        self._connection.execute("DELETE FROM claims WHERE owner = ?", (owner,))
        self._remove(owner)
        return False

    def _remove(self, owner: str) -> None:
        if OWNER.fullmatch(owner):
            with suppress(OSError):
                self._path(owner).unlink()

    def _path(self, owner: str) -> Path:
        return self._file.with_name(f"{self._file.name}-claim-{owner}")


def _text(name: str | bytes) -> str:
    """Decode a name: a cache is read with texts as bytes."""
    return name if isinstance(name, str) else name.decode("utf-8", "replace")
