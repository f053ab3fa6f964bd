"""When failing servers end a stage, and what is logged before: on the test's own clock."""

from __future__ import annotations

import pytest

from evobuild.core.chat import Message, Request, Sampling
from evobuild.models.engine import ServerFailed
from evobuild.models.openai_watch import IN_A_ROW, Watch

TIMEOUT, CAPACITY = 600.0, 128


@pytest.fixture
def said():
    return []


@pytest.fixture
def watch(said):
    return Watch("tiny: the server", TIMEOUT, CAPACITY, said.append)


def request(number: int) -> Request:
    return Request(f"{number}", "respond", (Message("user", f"{number}"),), Sampling())


def fail(watch, number, now, cause="500 no", began=None, final=False):
    watch.note_failure(request(number), cause, now - 1 if began is None else began, now, final)


def test_so_many_requests_in_a_row_without_an_answer_end_the_stage_and_the_same_one_again_does_not(watch):
    for _ in range(3 * IN_A_ROW):
        fail(watch, 1, 0.0)
    for number in range(1, IN_A_ROW):
        fail(watch, number, 0.0)
        assert watch.left == IN_A_ROW - number
    with pytest.raises(ServerFailed) as caught:
        fail(watch, IN_A_ROW, 0.0)
    first, second = str(caught.value).split("\n")
    assert first == (
        "tiny: the server: none of the last 64 requests was answered (of purpose 'respond'): 500 no (256)"
    )
    assert "run again" in second
    assert watch.left == 0


def test_an_answer_between_begins_anew(watch):
    for number in range(3 * IN_A_ROW):
        fail(watch, number, 0.0)
        if number % 50 == 0:
            watch.note_answer(0.0)


def test_of_what_was_in_flight_when_an_answering_server_broke_off_the_first_alone_counts(watch):
    watch.note_answer(1.0)
    for number in range(2 * IN_A_ROW):
        fail(watch, number, 10.0, began=9.0)
    assert watch.left == IN_A_ROW - 1
    with pytest.raises(ServerFailed):
        for number in range(2 * IN_A_ROW):
            fail(watch, number, 12.0, began=11.0)


def test_of_rejections_each_counts(watch):
    watch.note_answer(1.0)
    with pytest.raises(ServerFailed, match=r"bad request \(64\)"):
        for number in range(IN_A_ROW):
            fail(watch, number, 10.0, "bad request", began=9.0, final=True)


def test_one_and_a_half_timeouts_without_an_answer_end_the_stage(watch):
    for number in range(IN_A_ROW):
        watch.add(request(number), 100.0)
    fail(watch, 0, 700.0, "no reply within 600 s")
    watch.look(999.0)
    with pytest.raises(
        ServerFailed,
        match=r"nothing was answered for 15 min 00 s \(of purpose 'respond'\): no reply within 600 s \(1\)",
    ):
        watch.look(1000.0)


def test_the_clock_begins_anew_with_an_answer_and_stands_while_nothing_is_asked(watch):
    for number in range(IN_A_ROW):
        watch.add(request(number), 100.0)
    watch.note_answer(900.0)
    watch.look(1700.0)
    for number in range(IN_A_ROW):
        watch.remove(request(number), "")
    watch.look(9000.0)
    for number in range(IN_A_ROW):
        watch.add(request(number), 9000.0)
    watch.look(9800.0)


def test_fewer_requests_are_given_up_instead(watch):
    for number in range(IN_A_ROW - 1):
        watch.add(request(number), 100.0)
    assert watch.look(999.0) == ""
    assert watch.look(1000.0) == "nothing was answered for 15 min 00 s"
    assert watch.look(1001.0) == ""


def test_a_mixture_is_judged_by_its_share(watch):
    for number in range(1000):
        watch.remove(request(number), "" if number % 8 == 0 else "bad")
    with pytest.raises(ServerFailed, match=r"180 of the last 200 requests failed .*: bad \(180\)"):
        for number in range(1000):
            watch.remove(request(number), "" if number % 10 == 0 else "bad")


def test_what_tells_nothing_of_the_servers_counts_for_nothing(watch):
    for number in range(1000):
        watch.remove(request(number), None)


def test_the_first_failure_is_said_at_once_and_then_one_line_a_minute_with_counts_by_cause(watch, said):
    watch.add(request(0), 0.0)
    for second in range(1, 125):
        watch.note_answer(second)
        fail(watch, 0, second, "429 slow down" if second % 3 else "500 no")
    assert said == [
        "tiny: the server: a call failed: 429 slow down",
        "tiny: the server: 60 calls failed in the last 1 min 00 s: 429 slow down (40), 500 no (20)",
        "tiny: the server: 60 calls failed in the last 1 min 00 s: 429 slow down (40), 500 no (20)",
    ]


def test_a_server_that_says_nothing_is_said_to_once_a_minute(watch, said):
    watch.add(request(0), 0.0)
    for second in range(130):
        watch.look(float(second))
    assert said == [
        "tiny: the server: nothing was answered for 1 min 00 s",
        "tiny: the server: nothing was answered for 2 min 00 s",
    ]
