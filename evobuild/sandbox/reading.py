"""Start the processes of a job or an exam, and read what they answered, trusting none of it."""

from __future__ import annotations

import json
import marshal
import os
import subprocess
from functools import partial
from typing import TYPE_CHECKING, cast, get_args

from evobuild.sandbox.inside.values import decode_value
from evobuild.sandbox.isolation import Isolation
from evobuild.sandbox.params import Limits
from evobuild.sandbox.records import Answer, Exam, Job, Kind, Outcome, Verdict
from evobuild.sandbox.schedule import READY, Ending, Run

if TYPE_CHECKING:
    from evobuild.sandbox.inside.examiner import Task as Tests
    from evobuild.sandbox.inside.runner import Task

OF_A_CASE = ("raised", "memory", "unsuitable")
OF_THE_LOAD = ("syntax", "missing", "raised", "memory")
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
        calls, calling = os.pipe()
        answered, answering = os.pipe()
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
    answers, end = _answers(len(job.cases), isolation, ending)
    return Outcome(job.key, tuple(answers), end.error, end.detail, isolation.name)


def _answers(cases: int, isolation: Isolation, ending: Ending) -> tuple[list[Answer], Answer]:
    """The answer to each case, and what ended the process early; its error is None if nothing did."""
    lines = _lines(ending)
    if lines is None:
        return [GARBLED] * cases, GARBLED
    loaded, *rest = lines or [None]
    if loaded is not None and loaded != ["loaded"]:
        failed = _failure(loaded, OF_THE_LOAD) if not rest else GARBLED
        return [failed] * cases, failed
    answers = [_answer(line) for line in rest]
    if len(answers) > cases or GARBLED in answers:
        return [GARBLED] * cases, GARBLED
    missing = cases - len(answers)
    if not missing and loaded:
        return answers, Answer()
    why = _why(ending, isolation)
    unreached = [Answer(error="unreached")] * (missing - 1)
    return [*answers, *[why][:missing], *unreached], why


def read_verdict(exam: Exam, isolation: Isolation, ending: Ending) -> Verdict:
    """Read the verdict of an exam."""
    lines = _lines(ending)
    if lines == [["passed"]] and ending.over is None:
        return Verdict(exam.key, True, None, "", isolation.name)
    if lines and len(lines) == 1:
        kind, *rest = cast(list[object], lines[0]) if isinstance(lines[0], list) and lines[0] else ["garbled"]
        if kind in ("failed", *get_args(Kind)):
            return Verdict(exam.key, False, cast(Kind, kind), _text("".join(map(str, rest))), isolation.name)
    why = _why(ending, isolation) if lines is not None else GARBLED
    return Verdict(exam.key, False, why.error, why.detail, isolation.name)


def _lines(ending: Ending) -> list[object] | None:
    """All lines after the one that says that the sandbox is ready; None if one is no JSON."""
    *lines, rest = ending.answers.removeprefix(READY).split(b"\n")
    if rest and ending.over is None:
        return None
    try:
        return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return None


def _answer(line: object) -> Answer:
    if isinstance(line, list) and len(line) == 2 and line[0] == "value":
        try:
            return Answer(value=decode_value(line[1]))
        except UnicodeEncodeError:
            return Answer(error="unsuitable", detail="text with half a character")
        except (ValueError, RecursionError):
            return GARBLED
    return _failure(line, OF_A_CASE)


def _failure(line: object, kinds: tuple[str, ...]) -> Answer:
    if isinstance(line, list) and len(line) == 2 and line[0] in kinds and isinstance(line[1], str):
        return Answer(error=cast(Kind, line[0]), detail=_text(line[1]))
    return GARBLED


def _text(name: str) -> str:
    """A name that the code chose, as text that can be stored, and no more of it than a name has."""
    return name[:200].encode(errors="replace").decode()


def _why(ending: Ending, isolation: Isolation) -> Answer:
    """Why there are no more answers."""
    if ending.over:
        return Answer(error=cast(Kind, ending.over))
    status = ending.status
    if isolation.name == "bubblewrap" and status > 128:  # bubblewrap's way to give a signal on
        status = 128 - status
    if status >= 0:
        return Answer(error="exited", detail=str(status))
    return Answer(error="time") if -status == XCPU else Answer(error="killed", detail=str(-status))
