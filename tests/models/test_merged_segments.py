"""A reply cache of an older layout, with several tables: merged at its first open, with every reply."""

from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing

import pytest
from fakes import reply

from evobuild.core import cache_file
from evobuild.core.cache_file import checksum
from evobuild.models.reply_cache import KIND, ReplyCache, encode_reply

COLUMNS = "(key BLOB NOT NULL UNIQUE, model INTEGER NOT NULL, reply BLOB NOT NULL, checksum BLOB NOT NULL)"
SUMMARIES = """
CREATE TABLE counts (segment TEXT NOT NULL, model INTEGER NOT NULL, "values" INTEGER NOT NULL,
    bytes INTEGER NOT NULL);
CREATE TABLE filters (segment TEXT PRIMARY KEY, keys BLOB NOT NULL, checksum BLOB NOT NULL);
INSERT INTO filters VALUES ('replies', x'ff', x'00');
"""
"""What programs of layout 2 wrote of each full table."""

KEYS = [bytes([number]) * 16 for number in range(36)]


@pytest.fixture(params=[1, 2, 12])
def old(request, store):
    """A closed file as older programs left it: 3 replies a table, and one key in the first and the last."""
    tables = ["replies", *(f"replies_{number}" for number in range(1, request.param))]
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE models (number INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE)")
        connection.execute("INSERT INTO models VALUES (1, 'm')")
        for place, table in enumerate(tables):
            connection.execute(f"CREATE TABLE {table} {COLUMNS}")
            for key in KEYS[place * 3 : place * 3 + 3]:
                insert(connection, table, key, key.hex())
        if len(tables) > 1:
            connection.executescript(SUMMARIES)
            insert(connection, tables[-1], KEYS[0], "a later reply")
        layout = 1 if len(tables) == 1 else 2
        connection.executescript(f"PRAGMA application_id={KIND.number}; PRAGMA user_version={layout};")
    return store


def insert(connection, table, key, text):
    stored = encode_reply(reply("k", text))
    connection.execute(f"INSERT INTO {table} VALUES (?, 1, ?, ?)", (key, stored, checksum(key, stored)))


def count_tables(store):
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]


def texts(cache):
    return {key: each.text for key, each in cache.get_replies(KEYS).items()}


def test_every_reply_is_found_and_of_two_the_older_counts(old):
    height = 3 * max(1, count_tables(old) - 3)
    right = {key: key.hex() for key in KEYS[:height]}
    for _ in range(2):
        with ReplyCache(old, "m") as cache:
            assert texts(cache) == right
        assert count_tables(old) == 2


def test_an_interrupted_merge_goes_on(old, monkeypatch):
    height = 3 * max(1, count_tables(old) - 3)
    names = cache_file._segment_names
    seen = iter(range(2))

    def interrupted(kind, connection):
        if next(seen, None) is None:
            raise KeyboardInterrupt
        return names(kind, connection)

    monkeypatch.setattr(cache_file, "_segment_names", interrupted)
    try:
        ReplyCache(old, "m").__exit__(None, None, None)
    except KeyboardInterrupt:
        assert height > 6
    monkeypatch.undo()
    with ReplyCache(old, "m") as cache:
        assert len(texts(cache)) == height


def open_and_count(file, counts):
    with ReplyCache(file, "m") as cache:
        counts.put(len(texts(cache)))


def test_processes_that_open_it_at_once_all_find_every_reply(old):
    height = 3 * max(1, count_tables(old) - 3)
    forked = multiprocessing.get_context("spawn")
    counts = forked.Queue()
    running = [forked.Process(target=open_and_count, args=(old, counts)) for _ in range(3)]
    for each in running:
        each.start()
    assert [counts.get(timeout=120) for _ in running] == [height] * 3
    for each in running:
        each.join()


def test_where_it_may_only_be_read_every_reply_is_found(old):
    height = 3 * max(1, count_tables(old) - 3)
    before = old.read_bytes()
    with closing(cache_file.open_to_read(old, KIND)) as connection:
        assert connection.execute("SELECT count(DISTINCT key) FROM replies").fetchone()[0] == height
    assert old.read_bytes() == before
