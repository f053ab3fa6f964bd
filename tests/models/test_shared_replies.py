"""Parts of the reply cache for a DVC remote: only what is new is written, and what is damaged is left."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest

from evobuild.cli.store import shared
from evobuild.cli.store.archive import count_replies
from evobuild.cli.store.shared import Pulled, Pushed, add_parts, take_parts
from evobuild.core.chat import Choice, Message, Reply, Request, Sampling
from evobuild.core.errors import BadInput, UserError
from evobuild.models.reply_cache import ReplyCache


def fill(store: Path, numbers: Iterable[int]) -> None:
    with ReplyCache(store, "m") as cache:
        for number in numbers:
            asked = Request("", "evolve", (Message("user", str(number)),), Sampling())
            cache.put(cache.key(asked), Reply("", (Choice(f"said {number}", "stop", 2),), 3, None, False))


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in shared.FOLDER.iterdir()}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a cache, in a folder of its own that is the current one; parts hold three replies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shared, "PART", 3)
    return tmp_path / "replies.sqlite"


def test_replies_come_back_from_parts_of_bounded_size(store: Path) -> None:
    fill(store, range(8))
    assert add_parts(store) == Pushed(8, 0, 0)
    heights = [pl.scan_parquet(path).select(pl.len()).collect().item() for path in shared.FOLDER.iterdir()]
    assert sorted(heights) == [2, 3, 3]
    other = store.with_name("other.sqlite")
    fill(other, [7])
    assert take_parts(other) == Pulled(7, 1, 0)
    assert count_replies(other) == count_replies(store)


def test_a_larger_cache_leaves_the_parts_that_are_there_as_they_are(store: Path) -> None:
    fill(store, range(8))
    add_parts(store)
    before = contents()
    assert add_parts(store) == Pushed(0, 8, 0)
    assert contents() == before
    fill(store, range(6, 10))
    assert add_parts(store) == Pushed(2, 8, 0)
    after = contents()
    assert len(after) == len(before) + 1 and before.items() <= after.items()


def test_equal_caches_give_equal_parts(store: Path) -> None:
    fill(store, range(5))
    add_parts(store)
    first = contents()
    for path in shared.FOLDER.iterdir():
        path.unlink()
    other = store.with_name("other.sqlite")
    fill(other, reversed(range(5)))
    add_parts(other)
    assert contents() == first


def test_a_damaged_part_is_said_and_left_and_the_others_are_taken(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store, range(6))
    add_parts(store)
    harmed, sound = sorted(shared.FOLDER.iterdir())
    content = bytearray(harmed.read_bytes())
    content[40:60] = bytes(20)
    harmed.write_bytes(content)
    other = store.with_name("other.sqlite")
    assert take_parts(other) == Pulled(3, 0, 1)
    assert f"warning: {harmed}" in capsys.readouterr().err
    assert count_replies(other)[0].replies == pl.read_parquet(sound).height


def test_what_is_no_part_is_not_pushed(store: Path) -> None:
    fill(store, range(2))
    shared.FOLDER.mkdir()
    pl.DataFrame({"key": ["mine"]}).write_parquet(shared.FOLDER / "notes.parquet")
    with pytest.raises(
        BadInput, match=r"replies/notes.parquet: no readable part of the reply cache; move it away"
    ):
        add_parts(store)


def test_without_replies_there_is_nothing_to_push_and_without_parts_nothing_to_pull(store: Path) -> None:
    with pytest.raises(UserError, match="there is no reply store yet"):
        add_parts(store)
    with pytest.raises(UserError, match=r"replies.dvc: no such file: no replies were pushed"):
        shared.pull_replies(store, None)


def test_replies_that_come_while_parts_are_written_wait_for_the_next_push(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, range(8))
    write = shared._write_part

    def write_while_asking(rows: list[tuple[bytes, str, bytes, bytes]]) -> None:
        fill(store, range(8, 20))
        write(rows)

    monkeypatch.setattr(shared, "_write_part", write_while_asking)
    first = add_parts(store)
    assert first == Pushed(8, 0, 0)
    monkeypatch.undo()
    monkeypatch.chdir(store.parent)
    assert add_parts(store) == Pushed(12, 8, 0)
