"""A damaged reply cache rebuilt: what can be read of it goes into a fresh file, the old one is kept.

Each row is held against its checksum, so that nothing wrong comes through. A row is lost if its page
is damaged or missing.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.checksums import is_sound
from evobuild.core.errors import UserError
from evobuild.core.sqlite_cache import LAYOUT, model_number
from evobuild.models import reply_cache

CHUNK = 20_000
"""Rows in memory at once."""

PATIENCE = 10_000
"""Row numbers tried one by one behind a fault, before the steps grow; a page of SQLite's tree leads to
some 2,000 rows."""

COLUMNS = 5
"""Row number, key, model, reply and checksum."""

LAST = 2**62
UNKNOWN = "unknown"
"""Identity of the models whose names are lost; their replies are found by key all the same."""


class Rebuilt(NamedTuple):
    """replies: how many the fresh cache holds; damaged: read, but wrong; old: where the old file lies."""

    replies: int
    damaged: int
    old: Path


def rebuild_reply_cache(file: Path) -> Rebuilt:
    """Put the sound replies of a reply cache into a fresh file in its place, and move the old one aside.

    Raises UserError if there is no reply cache, another process has it open, or it is another program's.
    """
    if not file.is_file():
        raise UserError(f"{file}: there is no reply store to rebuild")
    _refuse_shared(file)
    fresh = file.with_name(f".{file.name}.partial")
    _remove(fresh)
    try:
        kept, damaged = _copy(file, fresh)
        old = _aside(file)
        log = file.with_name(f"{file.name}-wal")
        if log.exists() and log.stat().st_size:
            log.replace(old.with_name(f"{old.name}-wal"))
        file.replace(old)
        _remove(file)
        fresh.replace(file)
    except sqlite3.Error as error:
        raise reply_cache.reply_cache_error(fresh, error) from error
    finally:
        _remove(fresh)
    return Rebuilt(kept, damaged, old)


def _refuse_shared(file: Path) -> None:
    with closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA writable_schema=ON")
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise UserError(f"{file}: another process has the reply store open; stop it first") from error
            # Too damaged to say whose it is: nothing can be read, and moving it aside harms nobody.
            return
    if application != reply_cache.KIND.number:
        raise UserError(f"{file}: an SQLite file, but no reply store; it is left as it is")
    if not 1 <= version <= LAYOUT:
        raise UserError(f"{file}: of version {version}, this program knows {LAYOUT}")


def _copy(file: Path, fresh: Path) -> tuple[int, int]:
    """Copy what is sound; how many rows, and how many were wrong."""
    kept = damaged = 0
    source = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    with closing(source), closing(reply_cache.open_reply_cache(fresh)) as target:
        # Without it SQLite refuses a file that is shorter than its first page says.
        source.execute("PRAGMA writable_schema=ON")
        source.text_factory = bytes
        numbers: dict[int, int] = {}
        for chunk in _chunks(_rows_of_all(source)):
            sound = [row for row in chunk if _is_sound(row)]
            damaged += len(chunk) - len(sound)
            with target:
                target.execute("BEGIN IMMEDIATE")
                for number in {row[1] for row in sound} - numbers.keys():
                    numbers[number] = model_number(target, _identity(source, number))
                rows = [(key, numbers[number], reply, check) for key, number, reply, check in sound]
                kept += reply_cache.insert_new_replies(target, rows)
    return kept, damaged


def _rows_of_all(source: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Every row that can be read of every segment."""
    table = reply_cache.KIND.table
    yield from _rows(source, table)
    # By number, for the list of tables may be damaged; none is ever missing in between.
    for number in itertools.count(1):
        try:
            source.execute(f"SELECT 1 FROM {table}_{number} LIMIT 0")
        except sqlite3.DatabaseError:
            return
        yield from _rows(source, f"{table}_{number}")


def _rows(source: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """Every row that can be read of a segment, in the order of row numbers; what cannot is stepped over."""
    place, misses = -1, 0
    while place < LAST:
        try:
            # By place and not by name: the names themselves may be damaged.
            found = source.execute(f"SELECT rowid, * FROM {table} WHERE rowid > ? ORDER BY rowid", (place,))
            if len(found.description) != COLUMNS:
                return
            for row in found:
                place, misses = row[0], 0
                yield row[1:]
            return
        except sqlite3.DatabaseError as error:
            code = error.sqlite_errorcode & 0xFF
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
                # No database, or no such table: nothing of it can be read.
                return
            if code != sqlite3.SQLITE_CORRUPT:
                raise
            misses += 1
            place += 1 << max(0, misses - PATIENCE)


def _chunks(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    chunk: list[tuple[Any, ...]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _is_sound(row: tuple[Any, ...]) -> bool:
    key, number, reply, check = row
    if not isinstance(number, int) or not is_sound(key, reply, check):
        return False
    try:
        reply_cache.decode_reply(reply)
    except ValueError:
        return False
    return True


def _identity(source: sqlite3.Connection, number: int) -> str:
    with suppress(sqlite3.DatabaseError):
        found = source.execute("SELECT identity FROM models WHERE number = ?", (number,)).fetchone()
        if found is not None and isinstance(found[0], bytes):
            return found[0].decode("utf-8", "replace")
    return UNKNOWN


def _aside(file: Path) -> Path:
    """The first free name for the old file."""
    count = 1
    while (old := file.with_name(f"{file.name}.broken-{count}")).exists():
        count += 1
    return old


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
