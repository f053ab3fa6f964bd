"""`evobuild pass-at-k`: score completions of HumanEval or MBPP in the sandbox.

A completion continues the prompt of a problem; for MBPP it is the whole program. Published outputs of both
have this form. Use `score-replies` for replies of chat models, which have prose around the code.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from evobuild.core.errors import BadInput, UserError
from evobuild.core.outs import atomic_outputs
from evobuild.core.param_errors import first_error
from evobuild.core.suggestions import unknown_name
from evobuild.sandbox.params import Limits

if TYPE_CHECKING:
    from evobuild.evaluation.code_benchmarks import Problem
    from evobuild.sandbox import Verdict


class Sample(NamedTuple):
    """One completion of a problem."""

    task: str
    completion: str


def add_pass_at_k_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--problems", type=Path, required=True, metavar="FILE", help="as published")
    parser.add_argument(
        "--samples",
        type=Path,
        metavar="FILE",
        help="JSON lines of task_id and completion; else the known solutions",
    )
    parser.add_argument(
        "--k", type=int, nargs="+", default=[1, 10, 100], metavar="K", help="samples looked at"
    )
    parser.add_argument("--verdicts", type=Path, metavar="FILE", help="write the verdict on each sample")
    add_limits(parser)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sandbox."""
    parser.add_argument("--seconds", type=float, default=3.0, help="time of one program; 3")
    parser.add_argument("--memory", type=int, default=512, metavar="MIB", help="memory of one program; 512")
    parser.add_argument(
        "--allow-weaker-isolation", action="store_true", help="where there is no sandbox, run them without"
    )


def read_limits(arguments: argparse.Namespace) -> Limits:
    """Build the limits from the options. Raises UserError if one is out of range."""
    given = {
        "seconds": arguments.seconds,
        "memory": arguments.memory,
        "output": 2**20,
        "modules": None,
        "allow_weaker_isolation": arguments.allow_weaker_isolation,
    }
    try:
        return Limits.model_validate(given)
    except ValidationError as error:
        raise UserError(f"--{first_error(error, Limits)}") from None


def score_completions(arguments: argparse.Namespace) -> str:
    """Score samples; return the text to print, one JSON object. Raises UserError at invalid input."""
    from evobuild.evaluation.code_benchmarks import examine_programs

    if min(arguments.k) < 1:
        raise UserError("each --k must be at least 1")
    limits = read_limits(arguments)
    problems = read_problems(arguments.problems)
    samples = (
        read_samples(arguments.samples, problems)
        if arguments.samples
        else [Sample(each.task, each.canonical) for each in problems.values()]
    )
    inputs = [file for file in (arguments.problems, arguments.samples) if file]
    with atomic_outputs(*filter(None, [arguments.verdicts]), inputs=inputs) as written:
        exams = (
            problems[sample.task].make_exam(str(place), problems[sample.task].prompt + sample.completion)
            for place, sample in enumerate(samples)
        )
        verdicts = examine_programs(exams, limits)
        rows = (
            {"task_id": sample.task, "passed": each.passed, "error": each.error, "detail": each.detail}
            for sample, each in zip(samples, verdicts, strict=True)
        )
        for file in written:
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return json.dumps(score_samples(samples, verdicts, arguments.k)) + "\n"


def read_problems(path: Path) -> dict[str, Problem]:
    """Read problems of either benchmark, detected by their fields, by task id.

    Raises BadInput if a record is not a problem.
    """
    from evobuild.evaluation.benchmarks import human_eval, mbpp
    from evobuild.seeds.records import read_records

    found: dict[str, Problem] = {}
    for place, row in read_records(path):
        if "entry_point" not in row and "test_list" not in row:
            raise BadInput(
                f"{place}: has neither 'entry_point' nor 'test_list'; expected a problem of HumanEval or MBPP"
            )
        problem = (human_eval if "entry_point" in row else mbpp).read_problem(row, place)
        if problem.task in found:
            raise BadInput(f"{place}: the task {problem.task!r} is given twice")
        found[problem.task] = problem
    return found


def read_samples(path: Path, problems: dict[str, Problem]) -> list[Sample]:
    """Read samples of some problems. Raises BadInput if a record is not a sample of one of them."""
    from evobuild.seeds.fields import json_kind
    from evobuild.seeds.records import read_records

    found = []
    for place, row in read_records(path):
        task, completion = str(row.get("task_id"))[:80], row.get("completion")
        if task not in problems:
            raise BadInput(f"{place}: {unknown_name('problem', task, problems)}")
        if not isinstance(completion, str):
            raise BadInput(f"{place}: 'completion' is {json_kind(completion)}; expected text")
        found.append(Sample(task, completion))
    return found


def score_samples(
    samples: Sequence[Sample], verdicts: Sequence[Verdict], ks: Sequence[int]
) -> dict[str, Any]:
    """Compute pass@k from one verdict per sample: the mean over the problems that have samples.

    Each k is included if every problem has k samples. failed: samples by reason, the commonest first.
    """
    from evobuild.evaluation.code_benchmarks import estimate_pass_at_k

    total, passed, failed = Counter[str](), Counter[str](), Counter[str]()
    for sample, verdict in zip(samples, verdicts, strict=True):
        total[sample.task] += 1
        passed[sample.task] += verdict.passed
        if not verdict.passed:
            failed[" ".join(filter(None, (verdict.error, verdict.detail)))] += 1
    chances = {
        f"pass@{k}": math.fsum(estimate_pass_at_k(n, passed[task], k) for task, n in total.items())
        / len(total)
        for k in ks
        if k <= min(total.values())
    }
    return {
        **chances,
        "problems": len(total),
        "samples": len(samples),
        "failed": dict(sorted(failed.items(), key=lambda reason: (-reason[1], reason[0]))),
        "isolation": verdicts[0].isolation,
    }
