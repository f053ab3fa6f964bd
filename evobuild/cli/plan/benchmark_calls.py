"""Count the calls of benchmarks to the evaluated model and to the judge.

They are counted from the items, without calling a model, so calls that depend on a reply are upper bounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.cli.plan.amounts import NONE, Amount
from evobuild.cli.plan.assumptions import EVALUATED_REPLY
from evobuild.evaluation.benchmark import Benchmark, ModelRequest, sample_items

HELD_OUT = "data/held_out.parquet"
BYTES_A_TOKEN = 4


class BenchmarkLoad(NamedTuple):
    """Calls to one model on some benchmarks, and questions to the judge, without retries.

    prompt, reply: expected tokens of all first calls. longest: most tokens of one call's replies. asked:
    number of first calls. by_replies: whether later calls depend on replies. unknown: benchmarks whose items
    are missing, which are not counted.
    """

    calls: Amount = NONE
    questions: int = 0
    asked: int = 0
    prompt: int = 0
    reply: int = 0
    longest: int = 0
    by_replies: bool = False
    unknown: tuple[str, ...] = ()


def count_benchmark_calls(
    benchmarks: Iterable[Benchmark[Any]], held_out: Amount | None = None
) -> BenchmarkLoad:
    """Count the calls of some benchmarks.

        Args:
        held_out: rows that will be held out, if the stage `seed` is stale and will sample them again.

    Raises BadInput if an item is malformed.
    """
    total = BenchmarkLoad()
    for benchmark in benchmarks:
        limit = benchmark.settings.limit
        if held_out is not None and benchmark.items_file == HELD_OUT:
            total = total._replace(calls=total.calls.plus(held_out.limit_to(limit)))
            continue
        if not all(Path(file).exists() for file in (benchmark.items_file, *benchmark.files)):
            total = total._replace(unknown=(*total.unknown, benchmark.name))
            continue
        total = _add_items(total, benchmark, limit)
    return total


def _add_items(total: BenchmarkLoad, benchmark: Benchmark[Any], limit: int | None) -> BenchmarkLoad:
    calls = questions = asked = prompt = reply = 0
    longest, by_replies = total.longest, total.by_replies
    for item in sample_items(benchmark.read_items(), limit, benchmark.seed):
        most, judged = benchmark.max_requests(item), benchmark.max_judge_calls(item)
        calls, questions = calls + most, questions + judged
        first = list(benchmark.next_requests(item, ()))
        by_replies = by_replies or bool(judged) or most > len(first)
        asked += len(first)
        prompt += sum(map(_count_prompt_tokens, first))
        reply += sum(map(_estimate_reply_tokens, first))
        longest = max([longest, *(each.sampling.max_tokens * each.sampling.n for each in first)])
    return total._replace(
        calls=total.calls.plus(Amount(calls, calls)),
        questions=total.questions + questions,
        asked=total.asked + asked,
        prompt=total.prompt + prompt,
        reply=total.reply + reply,
        longest=longest,
        by_replies=by_replies,
    )


def _count_prompt_tokens(ask: ModelRequest) -> int:
    texts = [*(message.content for message in ask.messages), ask.continuation or ""]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) // BYTES_A_TOKEN


def _estimate_reply_tokens(ask: ModelRequest) -> int:
    """Estimate the tokens of a reply: 0 where a given text is scored."""
    if ask.continuation is not None:
        return 0
    return min(EVALUATED_REPLY, ask.sampling.max_tokens) * ask.sampling.n
