"""How fast the reply cache writes and finds a million replies.

    python benchmarks/engines.py store

Replies of some 500 characters, written through `ReplyCache.put` and looked up through `ReplyCache.get` by the
chunk as the client does, in random order, by a second one that has nothing in memory.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import memory
from figures import Figures

from evobuild.core.chat import Choice, Message, Reply, Request, Sampling
from evobuild.models.client import CHUNK
from evobuild.models.reply_cache import ReplyCache

ROWS = 1_000_000
SENTENCE = "The river rises in the hills, turns west at the old mill and reaches the sea after ninety miles. "


def keys(rows: int) -> list[bytes]:
    """Keys as the reply cache makes them: hashes."""
    return [hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest() for number in range(rows)]


def replies() -> Iterator[Reply]:
    """Replies of 500 characters, each another."""
    for number in range(2**62):
        yield Reply("", (Choice(f"{number:9} {SENTENCE * 5}"[:500], "stop", 110),), 90)


def run(figures: Figures) -> None:
    """Take the reply cache's figures."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "replies.sqlite"
        asked = keys(ROWS)
        before = memory.now()
        figures.at_least("store: replies written", ROWS / _time_writes(file, asked), 20_000, "/s")
        random.Random(0).shuffle(asked)
        figures.at_least("store: replies looked up", ROWS / _time_lookups(file, asked), 50_000, "/s")
        figures.at_most("store: memory added by both", memory.peak() - before, 400, "MB")
        request = Request("k", "respond", (Message("user", SENTENCE * 5),), Sampling(temperature=0.7))
        figures.at_least("store: keys made of requests", 100_000 / _time_keys(file, request), 50_000, "/s")


def _time_writes(file: Path, asked: list[bytes]) -> float:
    """Seconds to write a reply to each key, until the last is on disk."""
    began = time.monotonic()
    with ReplyCache(file, "benchmark") as cache:
        for key, reply in zip(asked, replies(), strict=False):
            cache.put_reply(key, reply)
    return time.monotonic() - began


def _time_lookups(file: Path, asked: list[bytes]) -> float:
    """Seconds to look up each key, by the chunk."""
    began = time.monotonic()
    with ReplyCache(file, "benchmark") as cache:
        found = sum(
            len(cache.get_replies(asked[start : start + CHUNK])) for start in range(0, len(asked), CHUNK)
        )
    assert found == len(asked), f"{found} of {len(asked)} replies found"
    return time.monotonic() - began


def _time_keys(file: Path, request: Request) -> float:
    """Seconds to make 100,000 keys."""
    with ReplyCache(file, "benchmark") as cache:
        began = time.monotonic()
        for _ in range(100_000):
            cache.key(request)
        return time.monotonic() - began
