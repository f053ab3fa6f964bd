"""Code that a model wrote, run where it can do no harm: `run_jobs` for functions, `run_exams` for programs.

    for outcome in sandbox.run_jobs([Job("f1", code, "evaluate", (("Hello.",),))], limits):
        outcome.answers[0].value

One cold sandbox for each function, all its cases inside. What comes out is data, each answer a plain
value or a kind of failure (see records.py), and nothing is judged inside: who asks compares the values
with what was expected, which the code never gets to see. An exam has two sandboxes, one for the
program, one for the tests, which are the only ones to say that it passed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from evobuild.sandbox import reading
from evobuild.sandbox.choice import best_isolation, usable_isolations
from evobuild.sandbox.isolation import Isolation
from evobuild.sandbox.params import Limits
from evobuild.sandbox.records import Answer, Exam, Job, Kind, Outcome, Verdict
from evobuild.sandbox.schedule import run_all

__all__ = [
    "Answer",
    "Exam",
    "Isolation",
    "Job",
    "Kind",
    "Limits",
    "Outcome",
    "Verdict",
    "run_exams",
    "run_jobs",
    "usable_isolations",
]


def run_jobs(
    jobs: Iterable[Job], limits: Limits, isolation: Isolation | None = None, at_once: int | None = None
) -> Iterator[Outcome]:
    """Call each job's function with each of its cases and yield the outcomes, in any order.

    isolation: null is the best of this machine. at_once: sandboxes; null is one for each core.

    Raises UserError if this machine offers no isolation, or a sandbox does not start.
    """
    means = isolation or best_isolation(limits)
    runs = (reading.prepare_job(job, limits, means) for job in jobs)
    return run_all(runs, limits, at_once or len(os.sched_getaffinity(0)))


def run_exams(
    exams: Iterable[Exam], limits: Limits, isolation: Isolation | None = None, at_once: int | None = None
) -> Iterator[Verdict]:
    """Test each program and yield the verdicts, in any order.

    limits are those of the program's sandbox and of the tests', each; otherwise as `run_jobs`.
    """
    means = isolation or best_isolation(limits)
    runs = (reading.prepare_exam(exam, limits, means) for exam in exams)
    return run_all(runs, limits, at_once or len(os.sched_getaffinity(0)))
