"""Progress of long work: short work says nothing, and what was kept does not count for the speed."""

from __future__ import annotations

import io
import sys

import pytest

from evobuild.process.progress import Meter, metered


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_short_work_says_nothing(clock, capsys):
    meter = Meter("score r1", "rows", 3, clock=clock)
    for _ in range(3):
        clock.now += 1
        meter.step()
    assert capsys.readouterr().err == ""


def test_long_work_says_a_line_after_5_seconds_and_every_10(clock, capsys):
    meter = Meter("score r1", "rows", 1_000, clock=clock)
    for _ in range(30):
        clock.now += 1
        meter.step()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "score r1: 5 of 1,000 rows, 1.0/s, 16 min 35 s left",
        "score r1: 15 of 1,000 rows, 1.0/s, 16 min 25 s left",
        "score r1: 25 of 1,000 rows, 1.0/s, 16 min 15 s left",
    ]


def test_after_a_resume_a_line_comes_at_once_and_the_time_left_is_that_of_new_items(clock, capsys):
    meter = Meter("embed", "texts", 1_000, clock=clock)
    clock.now += 2
    meter.step(kept=True, count=900)
    assert capsys.readouterr().err == ""
    clock.now += 0.5
    meter.step()
    assert capsys.readouterr().err == "embed: 901 of 1,000 texts, 900 kept from before\n"
    clock.now += 5
    meter.step(count=10)
    line = "embed: 911 of 1,000 texts, 900 kept from before, 2.0/s, 44.5 s left\n"
    assert capsys.readouterr().err == line


def test_the_time_in_which_a_model_is_loaded_is_not_that_of_its_items(clock, capsys):
    meter = Meter("score r1", "rows", 101, clock=clock)
    clock.now += 60
    meter.step()
    clock.now += 5
    meter.step(count=50)
    said = capsys.readouterr().err.splitlines()
    assert said == ["score r1: 1 of 101 rows", "score r1: 51 of 101 rows, 10.0/s, 5.0 s left"]


def test_what_is_all_kept_says_nothing(clock, capsys):
    Meter("embed", "texts", 900, clock=clock).step(kept=True, count=900)
    assert list(metered([], "embed", "texts", 0, kept=5)) == []
    assert capsys.readouterr().err == ""


def test_what_has_failed_is_not_done_and_makes_nothing_faster(clock, capsys):
    meter = Meter("respond-r0", "replies", 101, clock=clock)
    meter.step()
    clock.now += 5
    for _ in range(100):
        meter.step(failed=True)
    meter.step(count=5)
    assert capsys.readouterr().err.splitlines()[-1] == "respond-r0: 1 of 101 replies"
    assert meter.line() == "respond-r0: 6 of 101 replies, 1.0/s, 1 min 35 s left"


def test_without_a_total_no_time_is_said_to_be_left(clock, capsys):
    meter = Meter("sandbox", "functions", None, beside=lambda: "2 failed", clock=clock)
    clock.now += 8
    meter.step(count=4)
    assert capsys.readouterr().err == "sandbox: 4 functions, 2 failed\n"


def test_a_terminal_gets_a_bar_and_no_lines(clock, monkeypatch):
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("evobuild.process.progress._bar", lambda what, unit, total: Bar())
    with Meter("score r1", "rows", 4, clock=clock) as meter:
        clock.now += 99
        meter.step(kept=True, count=2)
        meter.step()
        assert (meter._bar.n, meter._bar.initial) == (3, 2)
    assert screen.getvalue() == ""


class Bar:
    """What a bar of tqdm is asked."""

    n = initial = 0

    def update(self, count: int) -> None:
        self.n += count

    def set_postfix_str(self, text: str, refresh: bool) -> None:
        """Show what has failed and what was spent."""

    def close(self) -> None:
        """Nothing to take away."""
