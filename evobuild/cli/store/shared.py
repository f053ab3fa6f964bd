"""The reply cache on a DVC remote: parts in `replies/`, whose names and contents `replies.dvc` holds.

So git says which replies belong to a commit. A part is an archive of at most PART replies that no earlier one
has, and is never changed: what was pushed once is not pushed again, however much the cache grows. Its name is
a hash of its keys, so that equal caches give equal parts, and those of two people lie side by side.
"""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.cli.store.archive import (
    ARCHIVE,
    fault_of,
    import_replies,
    is_archive,
    opened_reply_cache,
    write_replies,
)
from evobuild.core.errors import BadInput, UserError
from evobuild.core.outs import whole
from evobuild.models.reply_cache import replies_by_key
from evobuild.process.dvc_state import use_private_site_cache
from evobuild.process.terminal import log

FOLDER = Path("replies")
PART = 20_000
"""Replies of a part, and in memory at once; some 10 MB."""


class Pushed(NamedTuple):
    """What came of a push: replies that are new in the archive, those it had, and damaged ones left out."""

    added: int
    known: int
    damaged: int


class Pulled(NamedTuple):
    """What came of a pull: replies that are new in the cache, those it had, and parts that are damaged."""

    taken: int
    known: int
    damaged: int


def push_replies(cache: Path, remote: str | None) -> Pushed:
    """Put replies that no part has yet into new parts, and push all parts.

    remote: by its name in DVC's config; None for the default one.

    Raises UserError if there is no cache, something else lies in the folder, or DVC cannot push.
    """
    done = add_parts(cache)
    _dvc("add", "--quiet", str(FOLDER))
    _dvc("push", *_remote(remote), _tracked().name)
    return done


def pull_replies(cache: Path, remote: str | None) -> Pulled:
    """Pull the parts of this commit, and take their replies into the cache; a damaged part is said and left.

    Raises UserError if this commit has none, or DVC cannot pull them.
    """
    if not _tracked().is_file():
        raise UserError(
            f"{_tracked()}: no such file: no replies were pushed with this commit; "
            "who has them runs: evobuild store push, and commits it"
        )
    _dvc("pull", *_remote(remote), _tracked().name)
    return take_parts(cache)


def add_parts(cache: Path) -> Pushed:
    """Write the sound replies of a cache that no part has yet into new parts.

    Raises UserError if there is no cache, BadInput if something in the folder is no part.
    """
    FOLDER.mkdir(exist_ok=True)
    parts = _parts()
    with opened_reply_cache(cache) as connection:
        known = _remember(connection, parts)
        added = damaged = 0
        for rows in _unknown(connection):
            sound = [row for row in rows if not fault_of(*row)]
            damaged += len(rows) - len(sound)
            if sound:
                _write_part(sound)
                added += len(sound)
    if not added and not parts:
        raise UserError(f"{cache}: holds no reply")
    return Pushed(added, known, damaged)


def take_parts(cache: Path) -> Pulled:
    """Take the replies of all parts into a cache, begun if need be; a damaged part is said and left."""
    taken = known = damaged = 0
    for part in sorted(FOLDER.glob("*.parquet")):
        try:
            moved = import_replies(cache=cache, archive=part)
        except BadInput as error:
            log(f"warning: {error}")
            damaged += 1
            continue
        taken, known = taken + moved.taken, known + moved.left
    return Pulled(taken, known, damaged)


def _tracked() -> Path:
    return FOLDER.with_suffix(".dvc")


def _parts() -> list[Path]:
    """The parts in the folder. Raises BadInput if there is anything else in it."""
    found = sorted(path for path in FOLDER.iterdir() if not path.name.startswith("."))
    if strange := [path for path in found if not is_archive(path)]:
        raise BadInput(
            f"{strange[0]}: no readable part of the reply cache; move it away, or if it was one, "
            f"run: dvc checkout --force {_tracked()}"
        )
    return found


def _remember(connection: sqlite3.Connection, parts: Sequence[Path]) -> int:
    """Put the keys of parts into a table of this connection alone; count them."""
    connection.execute("CREATE TEMP TABLE archived (key BLOB PRIMARY KEY) WITHOUT ROWID")
    # One transaction: a commit for each key would take minutes for a million.
    with connection:
        connection.execute("BEGIN")
        for part in parts:
            connection.executemany("INSERT OR IGNORE INTO archived VALUES (?)", _keys(part))
    count: int = connection.execute("SELECT count(*) FROM archived").fetchone()[0]
    return count


def _keys(part: Path) -> list[tuple[bytes]]:
    try:
        return pl.scan_parquet(part, glob=False).select("key").collect().rows()
    except pl.exceptions.PolarsError as error:
        raise BadInput(
            f"{part}: is damaged: {str(error).splitlines()[0]}; run: dvc checkout --force {_tracked()}"
        ) from error


def _unknown(connection: sqlite3.Connection) -> Iterator[list[tuple[bytes, str, bytes, bytes]]]:
    """The replies that no part has, as rows of ARCHIVE in the order of their keys, PART at a time."""
    found = replies_by_key(connection, "key NOT IN archived")
    while rows := list(islice(found, PART)):
        yield rows


def _write_part(rows: Sequence[tuple[bytes, str, bytes, bytes]]) -> None:
    name = hashlib.blake2b(b"".join(row[0] for row in rows), digest_size=10).hexdigest()
    path = FOLDER / f"{name}.parquet"
    with whole(path, declared=[path]) as (partial,):
        write_replies(pl.DataFrame(rows, ARCHIVE, orient="row").lazy(), partial)


def _remote(name: str | None) -> tuple[str, ...]:
    return ("--remote", name) if name else ()


def _dvc(*words: str) -> None:
    """Run a command of DVC, which says itself what is wrong. Raises UserError if it fails."""
    use_private_site_cache()
    sys.stdout.flush()
    done = subprocess.run([sys.executable, "-m", "dvc", *words], check=False)
    if done.returncode:
        raise UserError(
            f"dvc {' '.join(words)} failed, as said above; docs/sharing.md tells how remotes are set"
        )
