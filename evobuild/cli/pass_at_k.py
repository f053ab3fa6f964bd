"""`python -m evobuild pass-at-k`: score completions of HumanEval or MBPP in the sandbox."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.core.outs import whole


def add_pass_at_k(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--seconds", type=float, default=3.0, help="time of one program; 3")
    parser.add_argument("--memory", type=int, default=512, metavar="MIB", help="memory of one program; 512")
    parser.add_argument("--verdicts", type=Path, metavar="FILE", help="write the verdict on each sample")
    parser.add_argument(
        "--allow-weaker-isolation", action="store_true", help="where there is no sandbox, run them without"
    )


def score_completions(arguments: argparse.Namespace) -> str:
    """Score samples; give the text to print, one JSON object. Raises UserError at wrong input."""
    from evobuild.evaluation import code_benchmarks
    from evobuild.sandbox import Limits

    if arguments.seconds <= 0 or arguments.memory < 64 or min(arguments.k) < 1:
        raise UserError("--seconds must be above 0, --memory at least 64 and each --k at least 1")
    problems = code_benchmarks.read_problems(arguments.problems)
    samples = (
        code_benchmarks.read_samples(arguments.samples, problems)
        if arguments.samples
        else [code_benchmarks.Sample(each.task, each.canonical) for each in problems.values()]
    )
    limits = Limits(
        seconds=arguments.seconds,
        memory=arguments.memory,
        output=2**20,
        modules=None,
        allow_weaker_isolation=arguments.allow_weaker_isolation,
    )
    inputs = [file for file in (arguments.problems, arguments.samples) if file]
    with whole(*filter(None, [arguments.verdicts]), inputs=inputs) as written:
        verdicts = code_benchmarks.examine_samples(problems, samples, limits)
        rows = (
            {"task_id": sample.task, "passed": each.passed, "error": each.error, "detail": each.detail}
            for sample, each in zip(samples, verdicts, strict=True)
        )
        for file in written:
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    score = code_benchmarks.score_samples(samples, verdicts, arguments.k)
    shown = {
        **{f"pass@{k}": value for k, value in score.pass_at.items()},
        "problems": score.problems,
        "samples": score.samples,
        "failed": score.failed,
        "isolation": verdicts[0].isolation,
    }
    return json.dumps(shown) + "\n"
