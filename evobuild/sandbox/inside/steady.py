"""Make what a program asks for by chance or by the clock the same in every run.

The clock is fixed at midnight of 1 January 2024, UTC, and random numbers begin at one seed. Only
what the program's text names is looked at: importing it costs time. A rule, not a wall: a program
that wants the real time can have it.
"""

from __future__ import annotations

import sys

NOW = 1704067200
"""2024-01-01T00:00:00Z, in seconds."""


def stop_clock_and_chance(program: str) -> None:
    """Fix the clock and the seed for a program that may use them."""
    if "random" in program:
        import random

        random.seed(0)
    if "time" in program or "date" in program:
        _stop_clock()
    if "date" in program:
        _stop_calendar()


def _stop_clock() -> None:
    import time

    real_gmtime, real_localtime = time.gmtime, time.localtime
    real_strftime, real_ctime, real_asctime = time.strftime, time.ctime, time.asctime
    time.time = lambda: float(NOW)
    time.time_ns = lambda: NOW * 10**9
    time.gmtime = lambda seconds=None: real_gmtime(NOW if seconds is None else seconds)
    time.localtime = lambda seconds=None: real_localtime(NOW if seconds is None else seconds)
    time.ctime = lambda seconds=None: real_ctime(NOW if seconds is None else seconds)
    time.asctime = lambda when=None: real_asctime(when or real_gmtime(NOW))
    time.strftime = lambda form, when=None: real_strftime(form, when or real_gmtime(NOW))


def _stop_calendar() -> None:
    import datetime

    class Date(datetime.date):
        @classmethod
        def today(cls) -> Date:
            return cls(2024, 1, 1)

    class Moment(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Moment:
            return cls.fromtimestamp(NOW, tz)

        @classmethod
        def today(cls) -> Moment:
            return cls.fromtimestamp(NOW)

        utcnow = today

    # What the C library makes are dates of the real classes, which are dates of these, too.
    for stopped, name in ((Date, "date"), (Moment, "datetime")):
        real = getattr(datetime, name)
        stopped.__name__ = stopped.__qualname__ = name
        stopped.__module__ = "datetime"
        setattr(sys.modules["datetime"], name, _of(stopped, real))


def _of(stopped: type, real: type) -> type:
    """Build the class with a stopped clock; instances of the real class count as its instances."""

    class Kind(type):
        def __instancecheck__(cls, found: object) -> bool:
            return isinstance(found, real)

        def __subclasscheck__(cls, found: type) -> bool:
            return issubclass(found, real)

    return Kind(stopped.__name__, (stopped,), {"__module__": "datetime"})
