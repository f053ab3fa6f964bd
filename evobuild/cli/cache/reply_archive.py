"""Export the reply cache to a Parquet file, and import it on another machine.

An archive has a row per reply, sorted by key, so that equal caches give equal files:
  key        hash of the request and its model, 16 bytes
  identity   the model's full name
  reply      as JSON, in UTF-8
  checksum   8 bytes of key and reply, checked when the archive is read
"""

from __future__ import annotations

import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core.cache_file import is_sound, model_number, open_readable, transaction
from evobuild.core.errors import BadInput, UserError
from evobuild.core.outs import atomic_outputs
from evobuild.core.table_size import check_table_size
from evobuild.models import reply_cache

ARCHIVE = pl.Schema({"key": pl.Binary, "identity": pl.String, "reply": pl.Binary, "checksum": pl.Binary})
MARK = "evobuild.replies"
"""Key of the file's metadata that holds the version of the reply cache it came from."""

CHUNK = 20_000
"""Replies in memory at once."""

KEY_BYTES = 16
MOST_CHARACTERS = 1000
"""Of a model's full name."""


class MoveCounts(NamedTuple):
    """Counts of replies. taken: exported, imported, removed; left: damaged, already there, not removed."""

    taken: int
    left: int


@contextmanager
def open_existing_reply_cache(file: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing reply cache, to write if it may be written.

    Raises UserError if it is missing, and whenever SQLite fails inside.
    """
    if not file.exists():
        raise UserError(f"{file}: there is no reply cache yet; a stage that calls a model creates one")
    try:
        with closing(open_readable(file, reply_cache.KIND)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise reply_cache.reply_cache_error(file, error) from error


def model_numbers(connection: sqlite3.Connection, chooses: Callable[[str], bool]) -> list[int]:
    """Get the numbers of the models whose identity `chooses` accepts."""
    models = connection.execute("SELECT number, identity FROM models").fetchall()
    return [number for number, identity in models if chooses(identity)]


def export_replies(*, cache: Path, archive: Path, prefix: str = "") -> MoveCounts:
    """Write the sound replies of the models whose identity begins with a prefix to an archive.

    Raises UserError if no reply matches, the archive cannot be written, or the path holds another kind of
    file.
    """
    if archive.suffix != ".parquet":
        raise UserError(f"{archive}: expected the name of a file that ends in .parquet")
    taken = left = 0
    earlier = [archive] if archive.is_file() and is_archive(archive) else []
    with (
        atomic_outputs(archive, declared=earlier) as (partial,),
        tempfile.TemporaryDirectory(dir=archive.parent) as folder,
    ):
        parts: list[Path] = []
        with open_existing_reply_cache(cache) as connection:
            names = [name for (name,) in connection.execute("SELECT identity FROM models ORDER BY identity")]
            numbers = model_numbers(connection, lambda identity: identity.startswith(prefix))
            found = reply_cache.replies_by_key(connection, numbers)
            while rows := list(itertools.islice(found, CHUNK)):
                sound = [row for row in rows if not find_fault(*row)]
                taken, left = taken + len(sound), left + len(rows) - len(sound)
                parts.append(Path(folder, f"{len(parts):06}.parquet"))
                write_replies(pl.DataFrame(sound, ARCHIVE, orient="row").lazy(), parts[-1])
        if not taken:
            raise UserError(
                f"{cache}: has no reply of a model whose identity begins with '{prefix}'; "
                f"its models: {', '.join(names) or 'none'}"
            )
        write_replies(pl.scan_parquet(parts), partial)
    return MoveCounts(taken, left)


def write_replies(rows: pl.LazyFrame, path: Path) -> None:
    """Write rows of ARCHIVE, sorted by key, as an archive. Raises UserError if the disk refuses them."""
    try:
        rows.sink_parquet(path, row_group_size=CHUNK, metadata={MARK: str(reply_cache.VERSION)})
    except (pl.exceptions.ComputeError, OSError) as error:
        raise UserError(f"{path.parent}: cannot be written: {str(error).splitlines()[0]}") from error


def import_replies(*, cache: Path, archive: Path) -> MoveCounts:
    """Add an archive's replies to a reply cache, created if need be; replies that it has stay as they are.

    Raises BadInput, and adds nothing, if the file is no archive or one of its rows is no sound reply.
    """
    rows = _open_archive(archive)
    height = taken = 0
    try:
        for chunk in iterate_chunks(rows):
            for place, row in enumerate(chunk, start=height + 1):
                if wrong := find_fault(*row):
                    raise BadInput(f"{archive}: row {place} is damaged: {wrong}; nothing is imported")
            height += len(chunk)
        with closing(reply_cache.open_reply_cache(cache)) as connection, transaction(connection):
            for chunk in iterate_chunks(rows):
                numbers = {name: model_number(connection, name) for name in {row[1] for row in chunk}}
                given = [(key, numbers[name], reply, check) for key, name, reply, check in chunk]
                taken += reply_cache.insert_new_replies(connection, given)
    except sqlite3.Error as error:
        raise reply_cache.reply_cache_error(cache, error) from error
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{archive}: is damaged: {str(error).splitlines()[0]}") from error
    return MoveCounts(taken, height - taken)


def iterate_chunks(rows: pl.LazyFrame) -> Iterator[list[tuple[bytes, str, bytes, bytes]]]:
    """The rows of an archive, some at a time."""
    for start in itertools.count(step=CHUNK):
        if not (chunk := rows.slice(start, CHUNK).collect().rows()):
            return
        yield chunk


def is_archive(file: Path) -> bool:
    """Whether a file says of itself that it is an archive, of whatever version."""
    try:
        return MARK in pl.read_parquet_metadata(file)
    except (pl.exceptions.PolarsError, OSError):
        return False


def _open_archive(archive: Path) -> pl.LazyFrame:
    wanted = "expected a file that `evobuild cache export` wrote"
    if not archive.is_file():
        raise BadInput(f"{archive}: no such file; {wanted}")
    check_table_size(archive)
    try:
        mark = pl.read_parquet_metadata(archive).get(MARK)
        rows = pl.scan_parquet(archive, glob=False)
        schema = rows.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"{archive}: no readable Parquet file; {wanted}") from error
    if mark is None or schema != ARCHIVE:
        raise BadInput(f"{archive}: a Parquet file, but no archive of replies; {wanted}")
    if mark != str(reply_cache.VERSION):
        raise BadInput(
            f"{archive}: comes from version {mark} of the cache, this program has {reply_cache.VERSION}"
        )
    return rows


def find_fault(key: object, identity: object, reply: object, check: object) -> str:
    """What is wrong with a row, '' if nothing is. A checksum proves no more than that it was not harmed."""
    if not (isinstance(key, bytes) and len(key) == KEY_BYTES and isinstance(reply, bytes)):
        return f"its key is not {KEY_BYTES} bytes, or it has no reply"
    if not is_sound(key, reply, check):
        return "its checksum is another"
    if not (isinstance(identity, str) and 0 < len(identity) <= MOST_CHARACTERS and identity.isprintable()):
        return f"its model has no name of up to {MOST_CHARACTERS} characters"
    try:
        for choice in reply_cache.decode_reply(reply).choices:
            (choice.text + choice.reasoning).encode()
    except UnicodeEncodeError:
        return "its text holds half of a character"
    except ValueError as error:
        return f"it is no reply ({str(error)[:80]})"
    return ""
