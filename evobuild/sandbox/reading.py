"""Start the processes of a job or an exam, and read what they answered, trusting none of it.

What a process says about itself is data: a value, or why there is none. How it ended is what this process
and the kernel have measured, never a status that the code can choose.
"""

from __future__ import annotations

import marshal
import os
import subprocess
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from evobuild.sandbox.channel import open_channel
from evobuild.sandbox.inside.confine import STATUS
from evobuild.sandbox.inside.lines import Unreadable, read_line, read_value
from evobuild.sandbox.isolation import Isolation
from evobuild.sandbox.params import Limits
from evobuild.sandbox.records import Answer, Exam, Job, Kind, Outcome, Verdict
from evobuild.sandbox.schedule import READY, Ending, Run

if TYPE_CHECKING:
    from evobuild.sandbox.inside.examiner import Task as Tests
    from evobuild.sandbox.inside.runner import Task

OF_A_CASE = ("raised", "memory", "unsuitable")
OF_THE_LOAD = ("syntax", "missing", "raised", "memory")
OF_AN_EXAM = ("failed", "syntax", "raised", "memory", "unsuitable", "exited", "garbled")
PASSED = b'["passed"]\n'
GARBLED = Answer(error="garbled")
XCPU = 24
"""Number of the signal that says that the limit of CPU time is reached."""


def prepare_job(job: Job, limits: Limits, isolation: Isolation) -> Run[Outcome]:
    """Prepare the run of a job."""
    task: Task = {
        "program": job.code,
        "function": job.function,
        "modules": limits.modules,
        "cases": [marshal.dumps((job.function, case)) for case in job.cases],  # type: ignore[arg-type]
        "calls": None,
    }

    def start(answers: int) -> list[subprocess.Popen[bytes]]:
        return [isolation.start("runner", task, limits, answers)]

    return Run(start, partial(read_outcome, job, isolation))


def prepare_exam(exam: Exam, limits: Limits, isolation: Isolation) -> Run[Verdict]:
    """Prepare the run of an exam: the examiner, whose word counts, and the program."""

    def start(answers: int) -> list[subprocess.Popen[bytes]]:
        calls, calling = open_channel()
        answered, answering = open_channel()
        program: Task = {
            "program": exam.program,
            "function": None,
            "modules": limits.modules,
            "cases": [],
            "calls": calls,
        }
        tests: Tests = {
            "setup": exam.setup,
            "tests": exam.tests,
            "function": exam.function,
            "check": exam.check,
            "calls": calling,
            "answers": answered,
        }
        try:
            examiner = isolation.start("examiner", tests, limits, answers, (calling, answered))
            try:
                return [examiner, isolation.start("runner", program, limits, answering, (calls,))]
            except OSError:
                examiner.kill()
                examiner.wait()
                raise
        finally:
            for descriptor in (calls, calling, answered, answering):
                os.close(descriptor)

    return Run(start, partial(read_verdict, exam, isolation))


def read_outcome(job: Job, isolation: Isolation, ending: Ending) -> Outcome:
    """Read the answers of a job."""
    answers, end = _answers(len(job.cases), _find_code_ending(ending, isolation))
    return Outcome(job.key, tuple(answers), end.error, end.detail, isolation.name)


def _find_code_ending(ending: Ending, isolation: Isolation) -> Ending:
    """Return the ending of the process that ran the code; in bubblewrap, another process watched it."""
    if isolation.name != "bubblewrap" or ending.over:
        return ending
    size = len(STATUS % 0)
    if ending.status != 0:  # The one that watched was ended itself, by something outside.
        return replace(ending, status=128 - ending.status if ending.status > 128 else ending.status)
    try:
        status = os.waitstatus_to_exitcode(int(ending.answers[-size:], 16))
    except ValueError:
        return replace(ending, over="garbled")
    return replace(ending, answers=ending.answers[:-size], status=status)


def _answers(cases: int, ending: Ending) -> tuple[list[Answer], Answer]:
    """Return the answer to each case, and what ended the process early; its error is None if nothing did."""
    lines = None if ending.over == "garbled" else _lines(ending, most=cases + 1)
    if lines is None:
        return [GARBLED] * cases, GARBLED
    loaded, rest = (lines[0], lines[1:]) if lines else (None, [])
    if loaded is not None and loaded != ["loaded"]:
        failed = _failure(loaded, OF_THE_LOAD) if not rest else GARBLED
        return [failed] * cases, failed
    answers = [_answer(line) for line in rest]
    if len(answers) > cases or GARBLED in answers:
        return [GARBLED] * cases, GARBLED
    missing = cases - len(answers)
    if not missing and loaded:
        return answers, Answer()
    why = _why(ending)
    unreached = [Answer(error="unreached")] * (missing - 1)
    return [*answers, *[why][:missing], *unreached], why


def read_verdict(exam: Exam, isolation: Isolation, ending: Ending) -> Verdict:
    """Read the verdict of an exam."""
    ending = _find_code_ending(ending, isolation)
    if ending.answers == READY + PASSED and ending.over is None:
        return Verdict(exam.key, True, None, "", isolation.name)
    lines = None if ending.over == "garbled" else _lines(ending, most=1)
    if lines is None:
        why = GARBLED
    else:
        why = _why(ending) if ending.over or not lines else _failure(lines[0], OF_AN_EXAM)
    return Verdict(exam.key, False, why.error, why.detail, isolation.name)


def _lines(ending: Ending, most: int) -> list[list[object]] | None:
    """Return the lines after the one that reports the sandbox as ready; None if there are more, or one is
    invalid.
    """
    written = ending.answers.removeprefix(READY)
    *lines, rest = written.split(b"\n", most + 1)
    if len(lines) > most or (rest and ending.over is None):
        return None
    try:
        return [read_line(line) for line in lines]
    except Unreadable:
        return None


def _answer(line: list[object]) -> Answer:
    if len(line) == 2 and line[0] == "value":
        try:
            return Answer(value=read_value(line[1]))
        except UnicodeEncodeError:
            return Answer(error="unsuitable", detail="text with half a character")
        except Unreadable:
            return GARBLED
    return _failure(line, OF_A_CASE)


def _failure(line: list[object], kinds: tuple[str, ...]) -> Answer:
    if len(line) == 2 and line[0] in kinds and isinstance(line[1], str):
        return Answer(error=cast(Kind, line[0]), detail=_text(line[1]))
    return GARBLED


def _text(name: str) -> str:
    """Convert a name that the code chose to text that can be stored and shown, truncated."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name[:200])


def _why(ending: Ending) -> Answer:
    """Return why there are no more answers."""
    if ending.over:
        return Answer(error=cast(Kind, ending.over))
    if ending.status >= 0:
        return Answer(error="exited", detail=str(ending.status))
    if -ending.status == XCPU:  # Sent by the kernel alone, to a program that has lowered its own limit.
        return Answer(error="time")
    return Answer(error="killed", detail=str(-ending.status))
