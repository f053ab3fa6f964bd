"""`evobuild score-replies`: score replies to a benchmark that were made elsewhere.

So published outputs of a model can be compared with its published metrics and with your own. If the file has
a verdict on each reply, the scores are compared with it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from evobuild.cli.pass_at_k import add_limits, read_limits
from evobuild.core.errors import BadInput, BadParams, UserError
from evobuild.core.outs import atomic_outputs
from evobuild.core.param_errors import first_error
from evobuild.core.yaml_files import parse_yaml

if TYPE_CHECKING:
    from evobuild.evaluation.benchmark import Benchmark, Tools
    from evobuild.evaluation.evaluate import Evaluation
    from evobuild.evaluation.given_replies import ItemReplies
    from evobuild.evaluation.published_verdicts import VerdictComparison
    from evobuild.sandbox.params import Limits

SEED, RESAMPLES = 42, 1000
"""Seed and resamples of bootstrap intervals."""
RETRIES = 2
"""Retries of a judge's reply that cannot be parsed."""


def add_score_replies_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("benchmark", help="such as gsm8k, human_eval or mt_bench")
    parser.add_argument("--items", default="", metavar="FILE", help="its items; default as in params.yaml")
    parser.add_argument(
        "--replies",
        type=Path,
        required=True,
        metavar="FILE",
        help="records of id and reply, a text or a list of turns or samples",
    )
    parser.add_argument("--id", metavar="FIELD", help="of the replies and of the items, by which they belong")
    parser.add_argument("--reply", default="reply", metavar="FIELD", help="of the replies; default reply")
    parser.add_argument(
        "--verdict", metavar="FIELD", help="of the replies: what was published of each, compared with ours"
    )
    parser.add_argument(
        "--check", metavar="NAME", help="of ours, that --verdict is compared with; default the score"
    )
    judges = parser.add_mutually_exclusive_group()
    judges.add_argument("--judge", metavar="URI", help="the model that judges")
    judges.add_argument(
        "--judgments", type=Path, metavar="FILE", help="records of id, the judge's question, and reply"
    )
    parser.add_argument(
        "-S", "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the benchmark"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write a row for each reply, Parquet")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_limits(parser)


class ReplyScores(NamedTuple):
    """The scores. judged, unread: number of questions to the judge, and of its unparsable replies."""

    benchmark: str
    items: int
    answered: int
    judged: int
    unread: int
    figures: Mapping[str, Mapping[str, Any]]
    verdicts: VerdictComparison | None = None


def score_replies(arguments: argparse.Namespace) -> str:
    """Score replies; return the text to print. Raises UserError at invalid input."""
    from evobuild.core import tables
    from evobuild.evaluation.given_replies import (
        ID_FIELDS,
        GivenReplies,
        likelihoods_error,
        match_items,
        read_replies,
    )
    from evobuild.evaluation.published_verdicts import compare_verdicts

    benchmark = build_benchmark(arguments.benchmark, arguments.items, arguments.set)
    if "likelihoods" in benchmark.needs:
        raise likelihoods_error(benchmark)
    named = (arguments.id,) if arguments.id else ID_FIELDS
    if arguments.check and not arguments.verdict:
        raise UserError(
            "--check names what --verdict is compared with; give --verdict a field of the replies"
        )
    read = read_replies(arguments.replies, named, arguments.reply, arguments.verdict)
    replies = match_items(benchmark, read, arguments.id)
    limits = read_limits(arguments) if "sandbox" in benchmark.needs else None
    inputs = [Path(file) for file in (*benchmark.files, arguments.replies, arguments.judgments) if file]
    with atomic_outputs(*filter(None, [arguments.out]), inputs=inputs) as written:
        found, tools = _evaluate(benchmark, GivenReplies(benchmark, replies), limits, arguments)
        for file in written:
            tables.write(file, found.rows)
    result = _summarize(benchmark, found, tools)
    if arguments.verdict:
        compared = compare_verdicts(found.rows, replies, arguments.check, benchmark.published_offset)
        result = result._replace(verdicts=compared)
    return (
        json.dumps(_build_record(result)) + "\n"
        if arguments.json
        else "\n".join(_format_lines(result)) + "\n"
    )


def _build_record(result: ReplyScores) -> dict[str, Any]:
    found = result._asdict()
    compared = found.pop("verdicts")
    if compared is not None:
        found["verdicts"] = {
            "items": compared.items,
            "differ": len(compared.differences),
            "differences": [each._asdict() for each in compared.differences],
        }
    return found


def build_benchmark(name: str, items: str, changes: Sequence[str]) -> Benchmark[Any]:
    """Build a benchmark with settings given as KEY=VALUE, the value in YAML.

    Raises UserError at an unknown benchmark or setting.
    """
    from evobuild.evaluation.benchmarks import benchmark_class

    try:
        kind = benchmark_class(name)
    except ValueError as error:
        raise UserError(str(error)) from error
    # Sampling does not affect scores of given replies, but some settings refuse several greedy replies.
    given: dict[str, Any] = {"temperature": 1.0} | ({"items": items} if items else {})
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise UserError(f"-S {change[:80]}: expected KEY=VALUE")
        try:
            given |= parse_yaml(f"{key.strip()}: {value}", Path("-S")) or {}
        except BadParams as error:
            raise UserError(f"-S {change[:80]}: {str(error).partition(': ')[2]}") from error
    try:
        return kind(name, kind.settings_type.model_validate(given), SEED)
    except ValidationError as error:
        raise UserError(f"-S: {first_error(error, kind.settings_type)}") from error


def _evaluate(
    benchmark: Benchmark[Any], replies: Any, limits: Limits | None, arguments: argparse.Namespace
) -> tuple[Evaluation, Tools]:
    from evobuild.core.chat import Sampling
    from evobuild.evaluation.benchmark import Tools
    from evobuild.evaluation.evaluate import evaluate_model
    from evobuild.evaluation.judge import Judge, JudgeSettings

    with ExitStack() as stack:
        judge, model = None, _open_judge(arguments, benchmark, stack)
        if model:
            # Allow any share of unparsable replies: their number is printed.
            retries = RETRIES if arguments.judge else 0
            judge = Judge(model, JudgeSettings(Sampling(seed=SEED), retries, unparsed=1.0))
        tools = Tools(SEED, limits, judge)
        found = evaluate_model(arguments.replies.stem, [benchmark], replies, tools)
        replies.refuse_unused()
        if arguments.judgments and model:
            model.refuse_unused()
    if not found.rows.height:
        raise BadInput(f"{arguments.replies}: no reply to any item of {benchmark.name} that is asked")
    return found, tools


def _open_judge(arguments: argparse.Namespace, benchmark: Benchmark[Any], stack: ExitStack) -> Any:
    """Return what answers the judge's questions; None if the benchmark needs no judge."""
    from evobuild.evaluation.given_replies import GivenJudgments, read_replies
    from evobuild.models.client import Model
    from evobuild.models.params import ChatRole

    if "judge" not in benchmark.needs:
        if arguments.judge or arguments.judgments:
            raise UserError(f"{benchmark.name} is scored without a judge; leave --judge and --judgments out")
        return None
    if arguments.judgments:
        return GivenJudgments(_index_judgments(read_replies(arguments.judgments)))
    if not arguments.judge:
        raise UserError(
            f"{benchmark.name} is scored by a judge; pass its URI as --judge, or its replies as --judgments"
        )
    try:
        role = TypeAdapter(ChatRole).validate_python(arguments.judge)
    except ValidationError as error:
        raise UserError(f"--judge {arguments.judge[:80]}: {error.errors()[0]['msg']}") from error
    return stack.enter_context(Model(role, "judge", "score-replies"))


def _index_judgments(judgments: Iterator[tuple[str, ItemReplies]]) -> dict[str, ItemReplies]:
    found: dict[str, ItemReplies] = {}
    for key, given in judgments:
        if key in found:
            raise BadInput(
                f"{given.place}: the question {key[:80]!r} is answered in {found[key].place} already"
            )
        found[key] = given
    return found


def _summarize(benchmark: Benchmark[Any], found: Evaluation, tools: Tools) -> ReplyScores:
    from evobuild.evaluation.model_comparison import (
        Resampling,
        compute_all_metrics,
        metrics_by_model,
        metrics_table,
    )

    measured = compute_all_metrics([benchmark], {"replies": found.rows})
    figures = metrics_by_model(metrics_table(measured, Resampling(RESAMPLES, SEED)), groups=True)
    own = figures.get("replies", {}).get(benchmark.name, {})
    answered = found.rows["item"].n_unique()
    asked, unread = (
        (tools.judge.asked[benchmark.name], tools.judge.unread[benchmark.name]) if tools.judge else (0, 0)
    )
    return ReplyScores(benchmark.name, found.items[benchmark.name], answered, asked, unread, own)


def _format_lines(result: ReplyScores) -> Iterator[str]:
    from evobuild.evaluation.published_verdicts import format_comparison

    yield f"{result.benchmark}: {result.answered:,} of {result.items:,} items answered"
    if missing := result.items - result.answered:
        yield f"{missing:,} items have no reply; they are in no figure."
    if result.judged:
        unread = f"{result.unread:,} of {result.judged:,} judgments"
        yield f"{unread} cannot be read; what they were of is unknown."
    yield ""
    width = max(len("figure"), *map(len, result.figures)) if result.figures else 6
    yield f"{'figure':<{width}}  {'value':>9}  {'error':>8}  {'95 % interval':^19}  {'units':>6}"
    for name, each in result.figures.items():
        error = "–" if each["standard_error"] is None else f"{each['standard_error']:.4f}"
        interval = "–" if each["low"] is None else f"{each['low']:8.4f} … {each['high']:8.4f}"
        yield f"{name:<{width}}  {each['value']:>9.4f}  {error:>8}  {interval:^19}  {each['units']:>6,}"
    if result.verdicts:
        yield ""
        yield from format_comparison(result.verdicts)
