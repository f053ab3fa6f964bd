"""How long readers of model-written text take for the texts that wear them out.

    python benchmarks/firm.py readers

Every reader of tests/support/readers.py reads 100 kB of every family of tests/support/hostile_texts.py. Time
is that of the processor, the best of three where it is more than promised; a reader that takes ten times as
long is stopped.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from figures import Figures

SIZE = 100_000
"""Bytes of a text."""
MUST = 0.1
"""Seconds for one text."""


class _TooLong(BaseException):
    """A reader took ten times as long as it may; no reader catches it."""


def run(figures: Figures) -> None:
    """Take the figures of the readers."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests/support"))
    from hostile_texts import FAMILIES
    from readers import PARENT, READERS

    signal.signal(signal.SIGPROF, _stop)
    texts = {name: family(SIZE) for name, family in FAMILIES.items()}
    slowest, uncaught = (0.0, "", ""), 0
    for name, read in READERS.items():
        read(PARENT)  # Models are loaded at the first call.
        for family, text in texts.items():
            try:
                slowest = max(slowest, (_seconds(read, text), name, family))
            except Exception as error:  # noqa: BLE001
                print(f"{name} of {family}: {error!r:.200}")
                uncaught += 1
    figures.at_least("readers: families of text", len(texts), 40, "families")
    print(f"readers: {len(READERS)}; the slowest: {slowest[1]} of {slowest[2]}")
    figures.at_most("readers: slowest on 100 kB", slowest[0], MUST, "s")
    figures.at_most("readers: uncaught exceptions", uncaught, 0, "exceptions")


def _seconds(read: Callable[[str], object], text: str) -> float:
    """Seconds that a text takes, the least of three if one is more than promised."""
    took = []
    while len(took) < 3 and (not took or min(took) > MUST):
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, 10 * MUST)
        try:
            read(text)
        except _TooLong:
            return 10 * MUST
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        took.append(time.process_time() - began)
    return min(took)


def _stop(number: int, frame: object) -> None:
    raise _TooLong


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    taken = Figures()
    run(taken)
    taken.print()
