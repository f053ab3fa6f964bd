"""Segments: the tables that an SQLite cache keeps its values in, one after another.

Keys are hashes, so a new one belongs anywhere in an index: the larger that is, the more pages each commit
changes, and at seven million keys writing takes twice as long. So values go into the last segment alone, and
when it has SEGMENT_ROWS of them, it is summed up and the next begins: `replies`, `replies_1`, `replies_2` …
Of a full segment a filter tells which keys it cannot have (`key_filter`), so that fifty million values are
looked up about as fast as the first. Segments are never dropped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from typing import NamedTuple

from evobuild.core.checksums import Key, checksum, is_sound
from evobuild.core.key_filter import EVERY_KEY, KEY_BYTES, KeyFilter, build_filter, key_halves

SEGMENT_ROWS = 250_000
"""Values of a segment; its index takes some 10 MB, a good part of which each commit changes."""
ASKED = 10_000
"""Keys of one query; SQLite takes 32,766."""
STEP = 20_000
"""Rows that one transaction removes: others need not wait for more."""
PAGES = 4_000
"""Free pages that one transaction gives back, likewise."""

Row = tuple[Key, int, bytes, bytes]
"""Key, number of the model, value, checksum."""


INCREMENTAL = 2
"""SQLite's auto_vacuum: free pages stay in the file until they are asked for."""

SUMMARIES = """
CREATE TABLE IF NOT EXISTS counts
    (segment TEXT NOT NULL, model INTEGER NOT NULL, "values" INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS filters (segment TEXT PRIMARY KEY, keys BLOB NOT NULL, checksum BLOB NOT NULL)
"""
"""Of each full segment, what models have in it, and which keys it may have."""


def segment_columns(column: str) -> str:
    """The columns of a segment. column: that of the values."""
    return (
        f"(key BLOB NOT NULL UNIQUE, model INTEGER NOT NULL, {column} BLOB NOT NULL, checksum BLOB NOT NULL)"
    )


class Count(NamedTuple):
    """What a model has in a cache: values, and their bytes."""

    model: int
    values: int
    bytes: int


class Segments:
    """The segments of an open file. table, column: what holds the values: "replies", "reply"."""

    def __init__(self, connection: sqlite3.Connection, table: str, column: str) -> None:
        self._connection, self._table, self._column = connection, table, column
        self._filters: dict[str, KeyFilter] = {}

    def names(self) -> list[str]:
        """Name the tables, in the order they were begun. Raises sqlite3.Error if the first is missing."""
        like = f"{self._table}_[0-9]*"
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND (name = ? OR name GLOB ?)"
        # A cache may be read with texts as bytes.
        found = [_text(name) for (name,) in self._connection.execute(query, (self._table, like))]
        if self._table not in found:
            self._connection.execute(f"SELECT 1 FROM {self._table}")
        return sorted(found, key=lambda name: (len(name), name))

    def find(self, keys: Sequence[Key]) -> list[tuple[Key, bytes, bytes]]:
        """Look keys up: key, value and checksum, each key once, from the oldest segment that has it."""
        found: list[tuple[Key, bytes, bytes]] = []
        left = set(keys)
        # One snapshot: a value that is damaged goes from one segment to another.
        with transaction(self._connection, "BEGIN"):
            *full, last = self.names()
            self._load_filters(full)
            for name in (*full, last):
                asked = self._possible(name, sorted(left))
                for start in range(0, len(asked), ASKED):
                    some = asked[start : start + ASKED]
                    marks = ",".join("?" * len(some))
                    query = f"SELECT key, {self._column}, checksum FROM {name} WHERE key IN ({marks})"
                    found += self._connection.execute(query, some).fetchall()
                left.difference_update(key for key, _, _ in found)
                if not left:
                    break
        return found

    def insert(self, rows: Sequence[Row]) -> int:
        """Write rows, in a transaction of the caller's; count them. Known keys of the last segment stay.

        Whoever may write keys of earlier segments looks them up first; of two values the older one counts.
        """
        *_, last = self.names()
        full = self._connection.execute(f"SELECT max(rowid) FROM {last}").fetchone()[0]
        if full and full >= SEGMENT_ROWS:
            self._sum_up(last)
            last = self._begin(last)
        return self._connection.executemany(
            f"INSERT OR IGNORE INTO {last} VALUES (?, ?, ?, ?)", rows
        ).rowcount

    def delete(self, keys: Sequence[Key]) -> int:
        """Remove values, in a transaction of the caller's; count them."""
        total = 0
        for name in self.names() if keys else ():
            given = [(key,) for key in keys]
            if removed := self._connection.executemany(f"DELETE FROM {name} WHERE key = ?", given).rowcount:
                self._forget_counts(name)
                total += removed
        return total

    def delete_models(self, models: Sequence[int]) -> int:
        """Remove all values of some models, few at a time; count them."""
        removed = 0
        marks = ",".join("?" * len(models))
        for name in self.names() if models else ():
            last = self._connection.execute(f"SELECT max(rowid) FROM {name}").fetchone()[0] or 0
            for start in range(1, last + 1, STEP):
                with transaction(self._connection, "BEGIN IMMEDIATE"):
                    query = f"DELETE FROM {name} WHERE rowid BETWEEN ? AND ? AND model IN ({marks})"
                    removed += self._connection.execute(query, (start, start + STEP - 1, *models)).rowcount
            with transaction(self._connection, "BEGIN IMMEDIATE"):
                query = f"DELETE FROM counts WHERE segment = ? AND model IN ({marks})"
                self._connection.execute(query, (name, *models))
        return removed

    def counts(self) -> list[Count]:
        """Count the values of each model. Segments that are full have been counted before."""
        total: dict[int, Count] = {}
        kept = self._kept_counts()
        for name in self.names():
            found = kept.get(name) or self._count(name)
            for model, values, size in found:
                before = total.get(model, Count(model, 0, 0))
                total[model] = Count(model, before.values + values, before.bytes + size)
        return list(total.values())

    def give_space_back(self) -> None:
        """Shrink the file by what is free in it, a little at a time, so that nobody waits for long.

        A file from before segments is written anew once: nobody else can write to it meanwhile.
        """
        if self._connection.execute("PRAGMA auto_vacuum").fetchone()[0] != INCREMENTAL:
            self._connection.execute(f"PRAGMA auto_vacuum={INCREMENTAL}")
            self._connection.execute("VACUUM")
        while free := self._connection.execute("PRAGMA freelist_count").fetchone()[0]:
            self._connection.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
            if self._connection.execute("PRAGMA freelist_count").fetchone()[0] >= free:
                break
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _begin(self, last: str) -> str:
        number = int(last.removeprefix(self._table).removeprefix("_") or 0) + 1
        name = f"{self._table}_{number}"
        self._connection.execute(f"CREATE TABLE {name} {segment_columns(self._column)}")
        return name

    def _count(self, name: str) -> list[tuple[int, int, int]]:
        query = f"SELECT model, count(*), sum(length({self._column})) FROM {name} GROUP BY model"
        return self._connection.execute(query).fetchall()

    def _sum_up(self, name: str) -> None:
        rows = [(name, *row) for row in self._count(name)]
        self._connection.executemany("INSERT INTO counts VALUES (?, ?, ?, ?)", rows)
        keys = self._connection.execute(f"SELECT key FROM {name}")
        bits = build_filter(b"".join(key for (key,) in keys if len(key) == KEY_BYTES))
        row = name, bits, checksum(name.encode(), bits)
        self._connection.execute("INSERT OR REPLACE INTO filters VALUES (?, ?, ?)", row)

    def _load_filters(self, full: Sequence[str]) -> None:
        """Load the filters of segments that have become full; a damaged one is left out."""
        if len(self._filters) == len(full) or not self._has("filters"):
            return
        for name in full:
            if name not in self._filters:
                query = "SELECT keys, checksum FROM filters WHERE segment = ?"
                row = self._connection.execute(query, (name,)).fetchone()
                sound = row and is_sound(name.encode(), *row)
                self._filters[name] = KeyFilter(row[0] if sound else EVERY_KEY)

    def _possible(self, name: str, keys: list[Key]) -> list[Key]:
        """The keys that a segment may have."""
        if not (own := self._filters.get(name)):
            return keys
        return list(compress(keys, own.may_hold(key_halves(b"".join(keys)))))

    def _has(self, table: str) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE name = ?"
        return self._connection.execute(query, (table,)).fetchone() is not None

    def _kept_counts(self) -> dict[str, list[tuple[int, int, int]]]:
        """The counts of full segments, by name; none of a file from before, which may only be read."""
        kept: dict[str, list[tuple[int, int, int]]] = {}
        if self._has("counts"):
            for name, *row in self._connection.execute("SELECT * FROM counts"):
                kept.setdefault(_text(name), []).append((row[0], row[1], row[2]))
        return kept

    def _forget_counts(self, name: str) -> None:
        self._connection.execute("DELETE FROM counts WHERE segment = ?", (name,))


def _text(name: str | bytes) -> str:
    """A name in the file's schema; a cache is read with texts as bytes."""
    return name if isinstance(name, str) else name.decode()


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """A transaction, unless the caller is in one."""
    if connection.in_transaction:
        yield
        return
    connection.execute(begin)
    with connection:
        yield
