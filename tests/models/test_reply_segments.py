"""Segments of the reply cache: however many it has, each reply is found, counted, pruned and carried on."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest
from fakes import reply

from evobuild.cli.store import archive, salvage
from evobuild.core import cache_segments, key_filter
from evobuild.core.checksums import checksum
from evobuild.models.reply_cache import KIND, ReplyCache, encode_reply


@pytest.fixture
def store(tmp_path):
    return tmp_path / "replies.sqlite"


@pytest.fixture
def short_segments(monkeypatch):
    """Segments of ten replies."""
    monkeypatch.setattr(cache_segments, "SEGMENT_ROWS", 10)


def filled(store, count, identity="m", each=4, times=1):
    """A cache of so many replies, written a few at a time."""
    keys = [bytes([number % 251, number // 251]) * 8 for number in range(count)]
    with ReplyCache(store, identity) as cache:
        for start in range(0, count, each):
            for key in keys[start : start + each]:
                cache.put(key, reply("k", f"{identity} {key.hex()}" * times))
            cache.flush()
    return keys


def tables_of(store):
    with closing(sqlite3.connect(store)) as connection:
        return KIND.segments(connection).names()


def test_a_full_segment_is_followed_by_the_next_and_every_reply_is_found(store, short_segments):
    keys = filled(store, 150)
    assert tables_of(store)[:3] == ["replies", "replies_1", "replies_2"]
    assert len(tables_of(store)) == 13
    with ReplyCache(store, "m") as cache:
        assert {key: each.text for key, each in cache.get(keys).items()} == {
            key: f"m {key.hex()}" for key in keys
        }
        assert not cache.get([b"?" * 16])


def test_of_two_replies_in_two_segments_the_older_counts(store, short_segments):
    with ReplyCache(store, "m") as one, ReplyCache(store, "m") as other:
        one.put(b"k" * 16, reply("k", "older"))
        one.flush()
        filled(store, 20)
        other.put(b"k" * 16, reply("k", "newer"))
        other.flush()
        assert one.get([b"k" * 16])[b"k" * 16].text == "older"


def test_a_damaged_reply_of_an_old_segment_is_replaced(store, short_segments):
    keys = filled(store, 40)
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE replies SET checksum = x'00' WHERE key = ?", (keys[0],))
    connection.close()
    with ReplyCache(store, "m") as cache:
        assert not cache.get(keys[:1])
        cache.put(keys[0], reply("k", "asked again"))
        cache.flush()
        assert cache.get(keys[:1])[keys[0]].text == "asked again"
    assert [each.replies for each in archive.count_replies(store)] == [40]


def test_a_damaged_filter_hides_no_reply(store, short_segments):
    keys = filled(store, 40)
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE filters SET keys = zeroblob(length(keys)) WHERE segment <> 'replies_1'")
    connection.close()
    with ReplyCache(store, "m") as cache:
        assert len(cache.get(keys)) == 40


def test_a_filter_knows_every_key_of_its_set_and_few_others():
    drawn = random.Random(7)
    keys = [drawn.randbytes(16) for _ in range(20_000)]
    known = key_filter.KeyFilter(key_filter.build_filter(b"".join(keys[:10_000])))
    held = known.may_hold(key_filter.key_halves(b"".join(keys)))
    assert held[:10_000].all()
    assert held[10_000:].sum() < 100


def test_full_segments_are_counted_once(store, short_segments):
    filled(store, 32, "m")
    filled(store, 17, "n")
    before = archive.count_replies(store)
    assert [(each.identity, each.replies) for each in before] == [("m", 32), ("n", 17)]
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE counts SET bytes = 0")
    connection.close()
    after = archive.count_replies(store)
    assert [each.replies for each in after] == [32, 17]
    assert sum(each.bytes for each in after) < sum(each.bytes for each in before) / 4


def test_pruning_leaves_the_rest_while_another_reads_and_writes(store, short_segments):
    keys = filled(store, 600, "gone", times=50)
    with ReplyCache(store, "stays") as other:
        other.put(b"a" * 16, reply("k", "before"))
        other.flush()
        size = store.stat().st_size
        assert archive.prune_replies(store, lambda identity: identity == "gone") == (600, 1)
        assert other.get([b"a" * 16, keys[0]])[b"a" * 16].text == "before"
        other.put(b"b" * 16, reply("k", "after"))
    assert [(each.identity, each.replies) for each in archive.count_replies(store)] == [("stays", 2)]
    assert store.stat().st_size < size
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] == 0


def test_a_cache_of_many_segments_goes_through_an_archive_and_a_rebuild_whole(tmp_path, short_segments):
    store, again = tmp_path / "one.sqlite", tmp_path / "two.sqlite"
    keys = filled(store, 75)
    assert archive.export_replies(cache=store, archive=tmp_path / "a.parquet") == (75, 0)
    assert archive.import_replies(cache=again, archive=tmp_path / "a.parquet") == (75, 0)
    assert archive.import_replies(cache=again, archive=tmp_path / "a.parquet") == (0, 75)
    assert salvage.rebuild_reply_cache(store).replies == 75
    for file in (store, again):
        with ReplyCache(file, "m") as cache:
            assert len(cache.get(keys)) == 75


def test_a_file_of_one_segment_is_taken_on_as_it_is(store, short_segments):
    """As programs of layout 1 left it."""
    with sqlite3.connect(store) as connection:
        connection.executescript(
            "PRAGMA journal_mode=WAL;"
            "CREATE TABLE models (number INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE);"
            "CREATE TABLE replies (key BLOB NOT NULL UNIQUE, model INTEGER NOT NULL, reply BLOB NOT NULL, "
            "checksum BLOB NOT NULL);"
            f"PRAGMA application_id={KIND.number}; PRAGMA user_version=1;"
        )
        kept = encode_reply(reply("k", "from before"))
        key = b"o" * 16
        connection.execute("INSERT INTO models VALUES (1, 'm')")
        connection.execute("INSERT INTO replies VALUES (?, 1, ?, ?)", (key, kept, checksum(key, kept)))
    connection.close()
    keys = filled(store, 25)
    with ReplyCache(store, "m") as cache:
        assert len(cache.get([key, *keys])) == 26
    assert len(tables_of(store)) == 3
    assert archive.count_replies(store)[0].replies == 26
    assert archive.prune_replies(store, lambda identity: identity == "m") == (26, 0)
