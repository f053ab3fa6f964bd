"""How fast the reply store writes and finds a million replies.

    python benchmarks/engine_store.py [--rows 1000000] [--folder /fast/disk]

Replies of some 500 characters, written through `Store.put` and looked up through `Store.get` by the
chunk as the door does, in random order, by a second Store that has nothing in its cache.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figures import Figures

from evobuild.models.door import CHUNK
from evobuild.models.request import Choice, Message, Reply, Request, Sampling
from evobuild.models.store import Store

ROWS = 1_000_000
SENTENCE = "The river rises in the hills, turns west at the old mill and reaches the sea after ninety miles. "


def keys(rows: int) -> list[bytes]:
    """Keys as the store makes them: hashes."""
    return [hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest() for number in range(rows)]


def replies() -> Iterator[Reply]:
    """Replies of 500 characters, each another."""
    for number in range(2**62):
        yield Reply("", (Choice(f"{number:9} {SENTENCE * 5}"[:500], "stop", 110),), 90)


def run(figures: Figures, rows: int = ROWS, folder: Path | None = None) -> None:
    """Take the store's figures."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        file = Path(temporary) / "replies.sqlite"
        asked = keys(rows)
        before = _peak()
        figures.at_least("store: replies written", rows / _written(file, asked), 20_000, "/s")
        random.Random(0).shuffle(asked)
        figures.at_least("store: replies looked up", rows / _found(file, asked), 50_000, "/s")
        figures.at_most("store: memory added by both", _peak() - before, 400, "MB")
        request = Request("k", "respond", (Message("user", SENTENCE * 5),), Sampling(temperature=0.7))
        figures.at_least("store: keys made of requests", 100_000 / _keyed(file, request), 50_000, "/s")


def _written(file: Path, asked: list[bytes]) -> float:
    """Seconds to write a reply to each key, until the last is on disk."""
    began = time.monotonic()
    with Store(file, "benchmark") as store:
        for key, reply in zip(asked, replies(), strict=False):
            store.put(key, reply)
    return time.monotonic() - began


def _found(file: Path, asked: list[bytes]) -> float:
    """Seconds to look up each key, by the chunk."""
    began = time.monotonic()
    with Store(file, "benchmark") as store:
        found = sum(len(store.get(asked[start : start + CHUNK])) for start in range(0, len(asked), CHUNK))
    assert found == len(asked), f"{found} of {len(asked)} replies found"
    return time.monotonic() - began


def _keyed(file: Path, request: Request) -> float:
    """Seconds to make 100,000 keys."""
    with Store(file, "benchmark") as store:
        began = time.monotonic()
        for _ in range(100_000):
            store.key(request)
        return time.monotonic() - began


def _peak() -> float:
    """Peak memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", type=Path, help="where the store is made; default: the temporary folder")
    arguments = parser.parse_args()
    taken = Figures()
    run(taken, arguments.rows, arguments.folder)
    taken.print()
