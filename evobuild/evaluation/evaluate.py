"""Evaluate one model on every benchmark: generate, score, and return one row per reply; rejected items have a
reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple

import polars as pl

from evobuild.core.chat import ChatBackend, Reply, Request
from evobuild.core.evaluation_tables import EVALUATION
from evobuild.core.rejects import REJECTS, Reject, ledger
from evobuild.core.tables import Columns
from evobuild.evaluation.benchmark import (
    MAX_TURNS,
    Answer,
    Benchmark,
    Item,
    ModelRequest,
    Scored,
    Tools,
    sample_items,
)

NOTHING_TO_ASK = "nothing to ask"
ROWS = 16_384
"""Rows that a batch holds of a benchmark of pipeline rows: they may be millions, and memory holds one
batch.
"""


@dataclass(slots=True)
class _PendingItem:
    """An item in progress: its requests and replies so far."""

    benchmark: Benchmark[Any]
    item: Item
    asks: list[ModelRequest] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    lost: Reject | None = None

    @property
    def id(self) -> str:
        return f"{self.benchmark.name}/{self.item.id}"


class Evaluation(NamedTuple):
    """Hold the results of a model: EVALUATION rows, one per reply; rejects; and the number of items by
    benchmark.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    items: dict[str, int]


def evaluate_model(
    name: str, benchmarks: Sequence[Benchmark[Any]], model: ChatBackend, tools: Tools
) -> Evaluation:
    """Call a model for every item of every benchmark and score the replies.

    Args:
        name: the model's name in the rows.

    Raises:
        UserError: a file, the model or the judge cannot be used.
    """
    kept, lost, items = Columns(EVALUATION), Columns(REJECTS), Counter[str]()
    for opened in _split_batches(benchmarks):
        _request_all(opened, model)
        for each in opened:
            items[each.benchmark.name] += 1
            if each.lost:
                lost.append(each.lost)
        for benchmark in benchmarks:
            answers = [
                Answer(each.item, tuple(each.asks), tuple(each.replies))
                for each in opened
                if each.benchmark is benchmark and each.lost is None
            ]
            for scored in _score_benchmark(benchmark, answers, tools):
                kept.append(_evaluation_row(name, benchmark.name, scored))
    return Evaluation(kept.frame(), lost.frame(), dict(items))


def _split_batches(benchmarks: Sequence[Benchmark[Any]]) -> Iterator[list[_PendingItem]]:
    """Yield batches of items: one with all items, more only for benchmarks of pipeline rows."""
    streams = [
        (benchmark, iter(sample_items(benchmark.read_items(), benchmark.settings.limit, benchmark.seed)))
        for benchmark in benchmarks
    ]
    while opened := [
        _PendingItem(benchmark, item)
        for benchmark, items in streams
        for item in islice(items, ROWS if benchmark.has_rows else None)
    ]:
        yield opened


def _request_all(opened: Iterable[_PendingItem], model: ChatBackend) -> None:
    """Generate replies turn by turn: all items together, so that the engine's batches stay full."""
    going = list(opened)
    for _ in range(MAX_TURNS):
        asked: dict[str, tuple[_PendingItem, int]] = {}
        replies: dict[str, dict[int, Reply]] = defaultdict(dict)
        for reply in model.generate(_next_requests(going, asked)):
            each, number = asked[reply.key]
            replies[each.id][number] = reply
        going = [each for each in going if each.id in replies]
        for each in going:
            own = replies[each.id]
            each.replies += [own[number] for number in sorted(own)]
            each.lost = next(
                (_make_reject(each.id, reply) for reply in each.replies if _has_failed(reply)), None
            )
        going = [each for each in going if each.lost is None]
        if not going:
            return
    raise AssertionError(f"an item of {going[0].benchmark.name} has more than {MAX_TURNS} turns")


def _next_requests(
    going: Iterable[_PendingItem], asked: dict[str, tuple[_PendingItem, int]]
) -> Iterator[Request]:
    for each in going:
        asks = each.benchmark.next_requests(each.item, each.replies)
        if not asks and not each.replies:
            each.lost = Reject(each.id, NOTHING_TO_ASK, "", "")
        for number, ask in enumerate(asks, len(each.asks)):
            key = f"{each.id}/{number}"
            asked[key] = each, number
            request = Request(key, "evaluate", ask.messages, ask.sampling, cut=ask.cut)
            yield replace(request, continuation=ask.continuation, scored_as=ask.scored_as)
        each.asks += asks


def _has_failed(reply: Reply) -> bool:
    return reply.error is not None or reply.finish == "content_filter"


def _make_reject(identity: str, reply: Reply) -> Reject:
    """Build the reject of an item; its reason is a known beginning of the error, else "model error"."""
    error = reply.error or "content filter"
    known = ("prompt too long", "no likelihoods", "no chat template", "content filter")
    reason = next((each for each in known if error.startswith(each)), "model error")
    return Reject(identity, reason, error, reply.kept)


def _score_benchmark(benchmark: Benchmark[Any], answers: Sequence[Answer], tools: Tools) -> list[Scored]:
    """Score the answers. Raises ValueError if an item has no score: a bug of its benchmark."""
    found = list(benchmark.score_items(answers, tools)) if answers else []
    if missing := {each.item.id for each in answers} - {each.item.id for each in found}:
        raise ValueError(f"{benchmark.name} gives no score for {len(missing)} items, such as {min(missing)}")
    return found


def _evaluation_row(model: str, benchmark: str, scored: Scored) -> tuple[Any, ...]:
    checks = [{"name": check.name, "value": check.value} for check in scored.checks]
    return (
        f"{benchmark}/{scored.item.id}/{scored.part}",
        model,
        benchmark,
        scored.item.id,
        scored.item.group,
        scored.part,
        scored.prompt,
        scored.reply,
        scored.score,
        checks,
        scored.judgment,
    )


def count_evaluation(found: Evaluation, tools: Tools) -> dict[str, Any]:
    """Count items in, out and rejected, by benchmark, and the judge's unparsed replies.

    Raises:
        ValueError: they do not add up, which is a bug.
    """
    items = found.rows.select("benchmark", "item").unique()
    counts = ledger(sum(found.items.values()), items.height, found.rejects)
    out = Counter(items["benchmark"])
    judge = tools.judge
    return counts | {
        "benchmarks": {
            name: {
                "in": count,
                "out": out[name],
                "judged": judge.asked[name] if judge else 0,
                "unread": judge.unread[name] if judge else 0,
            }
            for name, count in found.items.items()
        }
    }
