"""What is asked of a sandbox and what it answers.

An answer is a value or a kind of failure, never both. Kinds:

syntax       the code does not compile
missing      the code has no such function
raised       an exception came out of it; `detail` is its type
memory       it needed more memory than it may
unsuitable   it returned what is no plain value; `detail` is its type
time         its time was over
output       its answers were longer than they may be
exited       its process ended by itself before it answered
killed       its process was ended by a signal, such as a crash of the interpreter; `detail` is its number
garbled      what came out of its process is no answer
unreached    an earlier case ended the process
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evobuild.sandbox.inside.values import Plain

Kind = Literal[
    "syntax",
    "missing",
    "raised",
    "memory",
    "unsuitable",
    "time",
    "output",
    "exited",
    "killed",
    "garbled",
    "unreached",
]


@dataclass(frozen=True)
class Job:
    """A function and the arguments to call it with, one tuple of plain values a case."""

    key: str
    code: str
    function: str
    cases: tuple[tuple[Plain, ...], ...]


@dataclass(frozen=True)
class Answer:
    """The outcome of one case: `value` if `error` is None."""

    value: Plain = None
    error: Kind | None = None
    detail: str = ""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: an answer for each case, in their order.

    error: what ended the process early, before some case was answered; else None.
    isolation: bubblewrap, landlock or none.
    """

    key: str
    answers: tuple[Answer, ...]
    error: Kind | None
    detail: str
    isolation: str


@dataclass(frozen=True)
class Exam:
    """A program of a model's and the tests it has to pass, each in a sandbox of its own.

    program: the model's code. setup: code the tests need, from the problem. tests: code that asserts.
    check: the function of the tests that is called with the model's function, or None. function: the
    name of the model's function.
    """

    key: str
    program: str
    setup: str
    tests: str
    function: str
    check: str | None = None


@dataclass(frozen=True)
class Verdict:
    """Whether a program passed its exam; if not, what failed it."""

    key: str
    passed: bool
    error: Kind | Literal["failed"] | None
    detail: str
    isolation: str
