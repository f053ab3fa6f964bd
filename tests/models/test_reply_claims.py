"""Builds that share a reply cache leave each request to one of them, and nobody waits for a dead one."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import reply

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models import elsewhere, reply_claims
from evobuild.models.client import Model
from evobuild.models.reply_cache import ReplyCache

ROOT = Path(__file__).parents[2]
NAME = ChatModel("simulated", "fake")


def request(text):
    return Request(str(text), "respond", (Message("user", str(text)),), Sampling())


def keys(cache, numbers):
    return [cache.key(request(number)) for number in numbers]


@pytest.fixture
def another(store):
    """Open the cache as another process would."""
    opened = []

    def begin(identity="simulated:fake"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reply_claims, "PROCESS", f"{len(opened) + 1}-0000000{len(opened)}")
            opened.append(ReplyCache(store, identity))
        return opened[-1]

    yield begin
    for cache in opened:
        cache._claims.end()
        cache._connection.close()


@pytest.fixture
def patience(monkeypatch):
    """A clock of the test's own for what waits for others; each pause calls what the test puts there."""

    class Clock:
        now = 0.0
        pauses = 0
        at_pause = staticmethod(lambda: None)

        def sleep(self, seconds):
            self.now += max(seconds, 0.01)
            self.pauses += 1
            self.at_pause()

    clock = Clock()
    made = elsewhere.Elsewhere
    monkeypatch.setattr("evobuild.models.client.Elsewhere", lambda: made(lambda: clock.now, clock.sleep))
    return clock


def test_what_one_has_claimed_is_left_to_it_until_its_reply_is_there(another):
    one, two = another(), another()
    assert one.claim(keys(one, range(5))) == ({}, frozenset())
    ours = keys(one, range(3, 8))
    assert two.claim(ours) == ({}, frozenset(ours[:2]))
    one.put_reply(ours[0], reply("k", "paid for"))
    assert two.claim(ours[:1]).theirs
    one.flush()
    known, theirs = two.claim(ours[:2])
    assert [each.text for each in known.values()] == ["paid for"]
    assert theirs == {ours[1]}


def test_what_was_given_up_and_what_one_had_that_is_closed_is_free(another):
    one, two = another(), another()
    first, second = keys(one, range(2))
    one.claim([first, second])
    one.release(first)
    assert two.claim([first, second]).theirs == {second}
    one.__exit__(None, None, None)
    assert not two.claim([second]).theirs


def test_models_of_one_process_do_not_wait_for_one_another(store):
    with ReplyCache(store, "m") as one, ReplyCache(store, "m") as two:
        one.claim(keys(one, range(3)))
        assert not two.claim(keys(two, range(3))).theirs


CLAIMER = """
import sys, time
from pathlib import Path
from evobuild.models.reply_cache import ReplyCache

cache = ReplyCache(Path(sys.argv[1]), "m")
cache.claim([bytes([number]) * 16 for number in range(9)])
print("claimed", flush=True)
time.sleep(600)
"""


def test_the_claims_of_a_process_that_is_killed_count_for_nothing_at_once(store):
    command = [sys.executable, "-c", CLAIMER, str(store)]
    claimed = [bytes([number]) * 16 for number in range(9)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as claimer:
        assert claimer.stdout.readline() == "claimed\n"
        with ReplyCache(store, "m") as cache:
            assert cache.claim(claimed).theirs == set(claimed)
        claimer.send_signal(signal.SIGKILL)
    with ReplyCache(store, "m") as cache:
        assert not cache.claim(claimed).theirs
    assert [file.name for file in store.parent.glob("*claim*")] == []


@pytest.mark.parametrize("owner", ["../../stray", "", "1-00000000-1/../../stray", "x" * 5000])
def test_the_name_of_an_owner_that_another_program_wrote_is_no_path(store, owner):
    with ReplyCache(store, "m") as cache:
        (key,) = keys(cache, [1])
        cache.claim(keys(cache, [2]))
        cache._connection.execute("INSERT INTO claims VALUES (?, ?)", (key, owner))
        assert not cache.claim([key]).theirs
    assert [file.name for file in store.parent.iterdir() if "stray" in file.name] == []


def test_a_claim_file_has_the_mode_of_its_cache_so_that_a_group_can_share_it(store):
    with ReplyCache(store, "m") as cache:
        store.chmod(0o660)
        cache.claim(keys(cache, [1]))
        (file,) = store.parent.glob("*-claim-*")
        assert file.stat().st_mode & 0o700 == 0o600


def test_a_model_asks_what_nobody_else_asks_and_takes_the_rest_from_the_cache(engine, another, patience):
    fake = engine(lambda asked: "mine")
    other = another()
    other.claim(theirs := keys(other, range(0, 20, 2)))

    def finish():
        for key in theirs:
            other.put_reply(key, reply("k", "theirs"))
        other.flush()

    patience.at_pause = finish
    with Model(NAME) as model:
        replies = {int(each.key): each for each in model.generate(map(request, range(20)))}
    assert [int(asked.messages[0].content) for asked in fake.asked] == list(range(1, 20, 2))
    assert {number: each.text for number, each in replies.items()} == {
        number: "mine" if number % 2 else "theirs" for number in range(20)
    }
    assert (model.usage.total("calls"), model.usage.total("cached")) == (10, 10)


def test_one_that_waits_for_another_first_brings_what_it_has_to_disk(engine, another, patience, monkeypatch):
    monkeypatch.setattr("evobuild.core.sqlite_cache.COMMIT_SECONDS", 1e9)
    engine(lambda asked: "mine")
    other = another()
    theirs, ours = keys(other, [0]), keys(other, [1])
    other.claim(theirs)
    seen = []

    def look():
        seen.append(list(other.get_replies(ours)))
        other.release(theirs[0])

    patience.at_pause = look
    with Model(NAME) as model:
        list(model.generate(map(request, range(2))))
    assert seen == [ours]


def test_a_model_whose_replies_all_come_from_elsewhere_starts_no_engine(another, patience, monkeypatch):
    monkeypatch.setattr("evobuild.models.registry.engine_identity", str)
    other = another()
    (key,) = keys(other, [1])
    other.claim([key])
    patience.at_pause = lambda: (other.put_reply(key, reply("k", "theirs")), other.flush())
    with Model(NAME) as model:
        assert [each.text for each in model.generate([request(1), request(1)])] == ["theirs"] * 2
    assert model._engine is None


def test_one_that_never_answers_is_not_waited_for_without_end(engine, another, patience):
    engine(lambda asked: "mine")
    other = another()
    other.claim(keys(other, range(3)))
    with Model(NAME) as model:
        assert [each.text for each in model.generate(map(request, range(3)))] == ["mine"] * 3
    assert elsewhere.PATIENCE <= patience.now < elsewhere.PATIENCE + 1


def test_what_failed_elsewhere_is_asked_here(engine, another, patience):
    fake = engine(lambda asked: "mine")
    other = another()
    (key,) = keys(other, [1])
    other.claim([key])
    patience.at_pause = lambda: other.release(key)
    with Model(NAME) as model:
        assert [each.text for each in model.generate([request(1)])] == ["mine"]
    assert (len(fake.asked), patience.pauses) == (1, 1)


def test_claims_are_gone_once_all_is_kept(engine, store):
    engine(lambda asked: "mine" if asked.messages[0].content != "3" else reply(asked.key, "", error="bad"))
    with Model(NAME) as model:
        list(model.generate(map(request, range(9))))
        with sqlite3.connect(store) as connection:
            assert connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)
        connection.close()
