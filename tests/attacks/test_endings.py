"""How a process ended, as the kernel has it: every status it can choose, every signal that can end it."""

from __future__ import annotations

import signal

import pytest

from evobuild import sandbox
from evobuild.sandbox import Answer, choice

LIMITS = sandbox.Limits(seconds=20.0, memory=256, output=10_000, modules=None, allow_weaker_isolation=False)
EXITS = "import os\ndef f(status): os._exit(status)"
TIMERS = {
    "ITIMER_REAL": signal.SIGALRM,
    "ITIMER_VIRTUAL": signal.SIGVTALRM,
    "ITIMER_PROF": signal.SIGPROF,
}
TIMED = "import signal\ndef f(name):\n    signal.setitimer(getattr(signal, name), 0.01)\n    while True: pass"

pytestmark = pytest.mark.parametrize(
    "isolation", choice.usable_isolations(), ids=lambda isolation: f"{isolation.name} {isolation.drop}"
)


def answers(code, cases, isolation):
    """The answer to each case, each in a sandbox of its own."""
    jobs = [sandbox.Job(str(case), code, "f", ((case,),)) for case in cases]
    return {outcome.key: outcome.answers[0] for outcome in sandbox.run_jobs(jobs, LIMITS, isolation)}


def test_no_status_that_a_process_chooses_is_taken_for_anything_else(isolation):
    found = answers(EXITS, range(256), isolation)
    assert found == {str(n): Answer(error="exited", detail=str(n)) for n in range(256)}


def test_a_signal_is_told_by_its_number(isolation):
    found = answers(TIMED, TIMERS, isolation)
    assert found == {name: Answer(error="killed", detail=str(int(n))) for name, n in TIMERS.items()}
