"""How many calls are in flight while it is not known whether a server answers; the loop's clock is set."""

from __future__ import annotations

import asyncio
import selectors
from itertools import pairwise

import pytest

from evobuild.models import rate_limit
from evobuild.models.rate_limit import PROBES, SUSPICIOUS, RateLimit


class SetClock(asyncio.SelectorEventLoop):
    """A loop that never waits: where it would, its clock goes on."""

    def __init__(self) -> None:
        super().__init__(_Skipping(self))
        self.now = 0.0

    def time(self) -> float:
        return self.now


class _Skipping(selectors.DefaultSelector):
    def __init__(self, loop: SetClock) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout=None):
        self._loop.now += timeout or 0.0
        return super().select(0)


@pytest.fixture
def play(monkeypatch):
    """Run a coroutine function on such a loop; a first rest takes a second."""
    monkeypatch.setattr(rate_limit, "retry_wait", lambda attempt, asked: asked or 2.0**attempt)
    loop = SetClock()
    yield lambda work: loop.run_until_complete(asyncio.wait_for(work(), 1e6))
    loop.close()


async def call(limit: RateLimit, outcome: str, inside: list[int], took: float = 0.1) -> float:
    """Make a call; gives when it was sent."""
    loop = asyncio.get_running_loop()
    async with limit:
        began = loop.time()
        inside.append(limit._inside)
        await asyncio.sleep(took)
        limit.note_answer() if outcome == "good" else limit.note_failure(began, outcome == "bad")
        limit.count(False)
    return began


def test_few_calls_are_in_flight_until_one_is_answered(play):
    async def work():
        limit, inside = RateLimit(64), []
        await asyncio.gather(*(call(limit, "good", inside) for _ in range(100)))
        return inside

    inside = play(work)
    assert max(inside[:PROBES]) == PROBES
    assert max(inside) > 16


def test_probes_that_fail_together_are_followed_by_a_rest_that_grows_to_a_bound(play):
    async def work():
        limit, inside = RateLimit(64), []
        sent = await asyncio.gather(*(call(limit, "bad", inside) for _ in range(6 * PROBES)))
        return max(inside), sorted({round(each, 1) for each in sent})

    most, sent = play(work)
    assert most == PROBES
    assert [round(later - earlier, 1) for earlier, later in pairwise(sent)] == [
        1.1,
        2.1,
        4.1,
        8.1,
        8.1,
    ]


def test_rejections_need_no_rest(play):
    async def work():
        limit, inside = RateLimit(64), []
        sent = await asyncio.gather(*(call(limit, "rejected", inside) for _ in range(3 * PROBES)))
        return max(inside), max(sent)

    most, last = play(work)
    assert most == PROBES
    assert last == pytest.approx(0.2)


def test_a_server_that_fails_so_often_in_a_row_is_probed_again_and_opens_up_once_it_answers(play):
    async def work():
        limit, inside = RateLimit(64), []
        await call(limit, "good", inside)
        for _ in range(SUSPICIOUS - 1):
            await call(limit, "bad", inside, took=0.0)
        before = limit.room
        await call(limit, "bad", inside, took=0.0)
        resting = limit.room
        await asyncio.sleep(1.5)
        probed = limit.room
        await call(limit, "good", inside)
        return before, resting, probed, limit.room

    assert play(work) == (32, 0, PROBES, 16)


def test_no_more_probes_are_sent_than_may_fail(play):
    async def work():
        left = [3]
        limit, inside = RateLimit(64, lambda: left[0]), []
        tasks = [asyncio.create_task(call(limit, "bad", inside)) for _ in range(8)]
        await asyncio.sleep(0.05)
        left[0] = 0
        await asyncio.sleep(99)
        for task in tasks:
            task.cancel()
        return len(inside)

    assert play(work) == 3


def test_timeouts_leave_room_for_others(play):
    async def work():
        limit = RateLimit(64)
        limit.note_answer()
        for _ in range(500):
            limit.count(False, timed_out=True)
        late = limit.limit
        for _ in range(500):
            limit.count(True)
        return late, limit.limit

    assert play(work) == (16, 1)
