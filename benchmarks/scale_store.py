"""The reply cache at fifty million replies: writing, looking up, and pruning while others read.

    EVOBUILD_BENCH_REPLIES=50000000 python benchmarks/scale.py store

Replies of 150 characters under random keys, as hashes are, written as a stage does: a few at a time, each
made JSON and given its checksum. The first half are of one model, the rest of another; the first are pruned.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from figures import Figures

from evobuild.cli.cache.reply_pruning import prune_replies
from evobuild.core.chat import Choice, Reply
from evobuild.models.reply_cache import ReplyCache

REPLIES = int(os.environ.get("EVOBUILD_BENCH_REPLIES", "50000000"))
STEP = min(1_000_000, REPLIES // 10)
"""Replies that a rate is measured over."""
SETTLE = 512
ASKED = 500
"""Keys of one look-up, as the chat client asks."""
TEXT = "The river turns west at the old mill, and whoever follows it comes to a bridge of stone. " * 2


def run(figures: Figures) -> None:
    """Fill a cache, and use it."""
    folder = Path(tempfile.mkdtemp(prefix="evobuild-scale-"))
    try:
        store = folder / "replies.sqlite"
        rates = fill(store)
        figures.at_least("replies written a second, the slowest million", min(rates), 20_000, "replies/s")
        last, first = statistics.mean(rates[-3:]), statistics.mean(rates[:3])
        figures.at_least("replies written a second, the last over the first millions", last / first, 0.8, "x")
        size = store.stat().st_size / REPLIES
        print(f"{size:.0f} bytes on disk a reply of {len(text(0).encode()):,} bytes", flush=True)
        look_up(store)
        prune(figures, store)
    finally:
        shutil.rmtree(folder)


def text(number: int) -> str:
    return f"{number} {TEXT}"[:150].ljust(150, ".")


def keys(seed: int) -> Iterator[bytes]:
    """Keys as hashes are, the same ones for a seed."""
    drawn = random.Random(seed)
    while True:
        yield drawn.randbytes(16)


def fill(store: Path) -> list[float]:
    """Write all replies; the rate of each step."""
    rates = []
    given = keys(1)
    for model in ("first", "second"):
        with ReplyCache(store, model) as cache:
            for start in range(0, REPLIES // 2, STEP):
                began = time.monotonic()
                for number in range(start, start + STEP):
                    cache.put_reply(next(given), Reply("", (Choice(text(number), "stop", 40),), 200))
                    if number % SETTLE == 0:
                        cache.commit_if_due()
                cache.flush()
                rates.append(STEP / (time.monotonic() - began))
                print(f"{model} {start + STEP:,}: {rates[-1]:,.0f} replies/s", flush=True)
    return rates


def look_up(store: Path) -> None:
    """Say how long keys take that are there, and such that are not."""
    drawn = keys(1)
    there = [
        key for place, key in zip(range(REPLIES), drawn, strict=False) if place % (REPLIES // 20_000) == 0
    ]
    with ReplyCache(store, "second") as cache:
        for name, asked in (
            ("there", there),
            ("not there", [key for key, _ in zip(keys(2), there, strict=False)]),
        ):
            began = time.monotonic()
            found = sum(len(cache.get_replies(asked[at : at + ASKED])) for at in range(0, len(asked), ASKED))
            each = (time.monotonic() - began) / len(asked) * 1e6
            print(
                f"look-up of keys that are {name}: {each:.0f} µs a key, {found:,} of {len(asked):,}",
                flush=True,
            )


def prune(figures: Figures, store: Path) -> None:
    """Remove the first model's replies, while another connection reads and writes."""
    waits: list[float] = []
    done = threading.Event()

    def work() -> None:
        drawn = keys(3)
        while not done.is_set():
            with ReplyCache(store, "second") as cache:
                began = time.monotonic()
                asked = [next(drawn) for _ in range(ASKED)]
                cache.get_replies(asked)
                cache.put_reply(asked[0], Reply("", (Choice("while pruning", "stop", 1),), 1))
                cache.flush()
                waits.append(time.monotonic() - began)
            done.wait(0.05)

    other = threading.Thread(target=work)
    other.start()
    before, began = store.stat().st_size, time.monotonic()
    try:
        removed, left = prune_replies(store, lambda identity: identity == "first")
    finally:
        done.set()
        other.join()
    took = time.monotonic() - began
    print(
        f"pruned {removed:,}, {left:,} left, in {took:,.0f} s; {before / 1e9:.1f} GB became "
        f"{store.stat().st_size / 1e9:.1f} GB; others waited {statistics.median(waits):.2f} s, at most "
        f"{max(waits):.2f} s, {len(waits)} times",
        flush=True,
    )
    figures.at_most("longest wait of a reader and writer while replies are pruned", max(waits), 10, "s")
    with sqlite3.connect(store) as connection:
        assert connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
