"""HumanEval and MBPP: whether a model's programs pass the tests of a problem, and pass@k of them.

Problems are read as published: HumanEval.jsonl(.gz) (arXiv:2107.03374), mbpp.jsonl and
sanitized-mbpp.json (arXiv:2108.07732). A sample is {"task_id": …, "completion": …}: for HumanEval what
follows the prompt, for MBPP the whole program. A sample fails if it does not load, a test fails, it is
out of time or memory, or it leaves before the tests end. Every program is examined in sandboxes, where
the tests run apart from it (see sandbox/inside/examiner.py).
"""

from __future__ import annotations

import ast
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from evobuild import sandbox
from evobuild.core.errors import BadInput
from evobuild.core.json_lines import NotJson, parse_json, read_json_lines
from evobuild.core.text_files import decode_utf8, opened_file

NO_PROBLEM = (KeyError, TypeError, ValueError, SyntaxError, RecursionError, MemoryError)
"""What is raised where a row is none; Python's parser raises the last two on code that is nested too deep."""

REASON = 100
"""Characters of why."""


@dataclass(frozen=True)
class Problem:
    """A problem as it is examined. prompt: what comes before a completion. canonical: the known solution.

    setup, tests, check: see sandbox.Exam. function: the one that the program has to define.
    """

    task: str
    prompt: str
    canonical: str
    setup: str
    tests: str
    function: str
    check: str | None


@dataclass(frozen=True)
class Sample:
    """One completion of a problem."""

    task: str
    completion: str


@dataclass(frozen=True)
class Score:
    """What a set of samples achieved. pass_at: k to pass@k, for each k that every problem has samples for.

    failed: samples that did not pass, by the reason, the commonest first.
    """

    problems: int
    samples: int
    pass_at: dict[int, float]
    failed: dict[str, int]


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """Estimate the chance that at least one of k samples passes, without bias.

    samples: n of a problem. passed: c of them. Gives 1 - C(n - c, k) / C(n, k), from 0 to 1.

    Raises ValueError unless 0 <= c <= n and 1 <= k <= n. Source: arXiv:2107.03374, equation 1.
    """
    if not 0 <= passed <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {passed} among {samples} samples is undefined")
    return 1.0 - math.comb(samples - passed, k) / math.comb(samples, k)


def read_problems(path: Path) -> dict[str, Problem]:
    """Read problems, told apart by their fields, by task id. Raises BadInput at what is none."""
    found: dict[str, Problem] = {}
    for place, row in _rows(path):
        try:
            problem = _problem(row)
        except NO_PROBLEM as error:
            reason = f"{type(error).__name__}: {str(error)[:REASON]}"
            raise BadInput(f"{place}: neither a problem of HumanEval nor of MBPP: {reason}") from error
        if problem.task in found:
            raise BadInput(f"{place}: the task {problem.task!r} is given twice")
        found[problem.task] = problem
    return found


def _problem(row: dict[str, object]) -> Problem:
    for field, read in READERS.items():
        if field in row:
            return read(row)
    raise KeyError(" or ".join(READERS))


def read_samples(path: Path, problems: dict[str, Problem]) -> list[Sample]:
    """Read samples of some of the problems. Raises BadInput at what is none, or of another problem."""
    found = []
    for place, row in _rows(path):
        task, completion = str(row.get("task_id")), row.get("completion")
        if task not in problems:
            raise BadInput(f"{place}: there is no problem {task!r}")
        if not isinstance(completion, str):
            raise BadInput(f"{place}: 'completion' is {completion!r}; expected text")
        found.append(Sample(task, completion))
    if not found:
        raise BadInput(f"{path}: no sample")
    return found


def examine_samples(
    problems: dict[str, Problem], samples: Sequence[Sample], limits: sandbox.Limits
) -> list[sandbox.Verdict]:
    """Give the verdict on every sample, in the samples' order; keys are their places in it."""
    exams = (sample_exam(problems[sample.task], sample, str(place)) for place, sample in enumerate(samples))
    return sorted(sandbox.run_exams(exams, limits), key=lambda verdict: int(verdict.key))


def sample_exam(problem: Problem, sample: Sample, key: str) -> sandbox.Exam:
    """Make the exam of one sample."""
    return sandbox.Exam(
        key,
        problem.prompt + sample.completion,
        problem.setup,
        problem.tests,
        problem.function,
        problem.check,
    )


def score_samples(samples: Sequence[Sample], verdicts: Iterable[sandbox.Verdict], ks: Sequence[int]) -> Score:
    """Gather verdicts, one a sample, into pass@k: the mean over the problems that have samples."""
    total, passed, failed = Counter[str](), Counter[str](), Counter[str]()
    for sample, verdict in zip(samples, verdicts, strict=True):
        total[sample.task] += 1
        passed[sample.task] += verdict.passed
        if not verdict.passed:
            failed[" ".join(filter(None, (verdict.error, verdict.detail)))] += 1
    pass_at = {
        k: math.fsum(pass_at_k(n, passed[task], k) for task, n in total.items()) / len(total)
        for k in ks
        if k <= min(total.values())
    }
    return Score(len(total), len(samples), pass_at, dict(sorted(failed.items(), key=lambda f: (-f[1], f[0]))))


def _human_eval(row: dict[str, object]) -> Problem:
    task, prompt, canonical, tests, function = (
        _text(row[field]) for field in ("task_id", "prompt", "canonical_solution", "test", "entry_point")
    )
    # A stub so that the prompt is a program: some have no docstring. Its other functions serve the tests.
    return Problem(task, prompt, canonical, f"{prompt}\n    pass\n", tests, function, "check")


def _mbpp(row: dict[str, object]) -> Problem:
    tests = [*_texts(row["test_list"]), *_texts(row.get("challenge_test_list", []))]
    imports = _texts(row.get("test_imports", []))
    # The setup of some tests makes objects of the program's classes, so it is part of the tests.
    lines = [*imports, _text(row.get("test_setup_code") or ""), *tests]
    program, task = _text(row["code"]), _text(row["task_id"])
    return Problem(task, "", program, "", "\n".join(lines), _tested(program, "\n".join(lines)), None)


READERS: dict[str, Callable[[dict[str, object]], Problem]] = {"entry_point": _human_eval, "test_list": _mbpp}
"""How a problem is read, by the field that tells whose it is."""


def _texts(found: object) -> list[str]:
    if not isinstance(found, list):
        raise TypeError(f"expected a list, found a {type(found).__name__}")
    return [_text(item) for item in found]


def _text(found: object) -> str:
    if not isinstance(found, str | int):
        raise TypeError(f"expected text, found a {type(found).__name__}")
    return str(found)


def _tested(program: str, tests: str) -> str:
    """The function of the program that the tests call."""
    with warnings.catch_warnings():
        # Some known solutions have escapes that later Pythons warn of.
        warnings.simplefilter("ignore")
        trees = ast.parse(program), ast.parse(tests)
    defined = {node.name for node in trees[0].body if isinstance(node, ast.FunctionDef)}
    names = (node.id for node in ast.walk(trees[1]) if isinstance(node, ast.Name))
    if tested := next((name for name in names if name in defined), None):
        return tested
    raise KeyError("no function of the program is tested")


def _rows(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """The objects of a JSON array or of JSON lines, gzipped if named .gz, each with its place."""
    try:
        with opened_file(path) as file:
            text = decode_utf8(file.read(), path)
        if text.lstrip().startswith("["):
            rows = cast(list[object], parse_json(text, path))
            yield from _objects((f"{path}: row {number}", row) for number, row in enumerate(rows, 1))
        else:
            yield from _objects(read_json_lines(path))
    except NotJson as error:
        raise BadInput(f"{error.place}: no JSON: {error.reason}") from error


def _objects(rows: Iterable[tuple[str, object]]) -> Iterator[tuple[str, dict[str, object]]]:
    for place, row in rows:
        if not isinstance(row, dict):
            raise BadInput(f"{place}: expected an object, found {type(row).__name__}")
        yield place, row
