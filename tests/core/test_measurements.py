"""Kept measurements: what was put comes back, for the same identity and content, or not at all."""

from __future__ import annotations

import sqlite3

import pytest

from evobuild.core import sqlite_cache
from evobuild.core.errors import UserError
from evobuild.core.sqlite_cache import Measurements
from evobuild.models.reply_cache import ReplyCache


def fill(identity: str, values: dict[str, bytes]) -> None:
    with Measurements(identity) as kept:
        for content, value in values.items():
            kept.put(kept.key(content), value)


def found(identity: str, contents: list[str]) -> dict[str, bytes]:
    with Measurements(identity) as kept:
        keys = {kept.key(content): content for content in contents}
        return {keys[key]: value for key, value in kept.get_many(list(keys)).items()}


def test_it_lies_beside_the_reply_store(store) -> None:
    fill("losses m", {"a": b"1"})
    assert sqlite_cache.measurements_file() == store.with_name("measurements.sqlite")
    assert sqlite_cache.measurements_file().exists() and not store.exists()


def test_what_was_put_is_found_by_content_of_the_same_identity_only(store) -> None:
    fill("losses m", {"a": b"1", "b": b"\0\xff", "Zoë": b""})
    assert found("losses m", ["a", "b", "c", "Zoë"]) == {"a": b"1", "b": b"\0\xff", "Zoë": b""}
    assert found("losses n", ["a", "b"]) == {}


def test_keys_stay_what_they_were_so_that_an_old_file_still_serves_its_measurements(store) -> None:
    with Measurements("losses m@1 float32") as kept:
        assert kept.key("Name a river.\nRhône").hex() == "15e7c4b79f3e6cae965fc264219d4867"


def test_the_key_of_a_text_is_that_of_its_bytes(store) -> None:
    with Measurements("m") as kept:
        assert kept.key("é") == kept.key("é".encode())
        assert len({kept.key("a"), kept.key("b"), kept.key("")}) == 3
        assert len(kept.key("a")) == 16


def test_more_keys_than_one_query_takes_are_found(store) -> None:
    contents = [str(number) for number in range(33_000)]
    fill("m", {content: content.encode() for content in contents})
    assert len(found("m", contents)) == 33_000


def test_what_was_put_before_an_error_is_kept(store) -> None:
    with pytest.raises(ZeroDivisionError), Measurements("m") as kept:
        kept.put(kept.key("a"), b"1")
        raise ZeroDivisionError
    assert found("m", ["a"]) == {"a": b"1"}


def test_a_damaged_value_is_missing_said_and_replaced(store, capsys) -> None:
    fill("m", {"a": b"1", "b": b"2"})
    with sqlite3.connect(sqlite_cache.measurements_file()) as connection:
        connection.execute("UPDATE measurements SET measurement = x'39' WHERE measurement = x'31'")
    connection.close()
    with Measurements("m") as kept:
        keys = [kept.key("a"), kept.key("b")]
        assert kept.get_many(keys) == {keys[1]: b"2"}
        kept.put(keys[0], b"1")
    assert "a stored measurement is damaged" in capsys.readouterr().err
    assert found("m", ["a"]) == {"a": b"1"}


def test_a_reply_store_is_not_taken_for_measurements(store, monkeypatch) -> None:
    ReplyCache(store, "m").__exit__(None, None, None)
    monkeypatch.setattr(sqlite_cache, "measurements_file", lambda: store)
    with pytest.raises(UserError, match="no file of measurements"):
        Measurements("m")


def test_a_file_that_is_no_sqlite_is_said_with_what_to_do(store) -> None:
    sqlite_cache.measurements_file().write_bytes(b"no database at all, but some text" * 99)
    with pytest.raises(UserError, match=r"damaged.*move it away"):
        Measurements("m")


def test_a_value_that_its_reader_cannot_read_is_missing_and_made_again(store, capsys) -> None:
    fill("m", {"a": b"1", "b": b"not a number"})
    with Measurements("m") as kept:
        keys = [kept.key("a"), kept.key("b")]
        assert kept.get_decoded(int, keys) == {keys[0]: 1}
        kept.put(keys[1], b"2")
    assert capsys.readouterr().err.count("a stored measurement is damaged") == 1
    with Measurements("m") as kept:
        assert kept.get_decoded(int, keys) == {keys[0]: 1, keys[1]: 2}
