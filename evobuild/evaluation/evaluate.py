"""One model on every benchmark: ask, score, and keep a row for each reply; a lost item has its reason."""

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
    MOST_TURNS,
    Answer,
    Ask,
    Benchmark,
    Item,
    Scored,
    Tools,
    drawn_items,
)

NOTHING_TO_ASK = "nothing to ask"
ROWS = 16_384
"""Rows of ours that are asked and scored at once."""


@dataclass(slots=True)
class _Open:
    """An item that is being asked: what was asked and replied so far."""

    benchmark: Benchmark[Any]
    item: Item
    asks: list[Ask] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    lost: Reject | None = None

    @property
    def id(self) -> str:
        return f"{self.benchmark.name}/{self.item.id}"


class Evaluation(NamedTuple):
    """What comes of a model: a row of EVALUATION for each reply, the rejects, and the items that came in."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    items: dict[str, int]


def evaluate_model(
    name: str, benchmarks: Sequence[Benchmark[Any]], model: ChatBackend, tools: Tools
) -> Evaluation:
    """Ask a model every item of every benchmark and score the replies.

    name: of the model, as the rows have it.

    Raises UserError where a file, the model or the judge cannot be used.
    """
    kept, lost, items = Columns(EVALUATION), Columns(REJECTS), Counter[str]()
    for opened in _portions(benchmarks):
        _ask_all(opened, model)
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
            for scored in _scored(benchmark, answers, tools):
                kept.append(_row(name, benchmark.name, scored))
    return Evaluation(kept.frame(), lost.frame(), dict(items))


def _portions(benchmarks: Sequence[Benchmark[Any]]) -> Iterator[list[_Open]]:
    """Items that are asked and scored together: all there are, but for those of benchmarks that have rows."""
    streams = [
        (benchmark, iter(drawn_items(benchmark.read_items(), benchmark.settings.limit, benchmark.seed)))
        for benchmark in benchmarks
    ]
    while opened := [
        _Open(benchmark, item)
        for benchmark, items in streams
        for item in islice(items, ROWS if benchmark.has_rows else None)
    ]:
        yield opened


def _ask_all(opened: Iterable[_Open], model: ChatBackend) -> None:
    """Ask turn by turn: all items at once, so that the engine stays full."""
    going = list(opened)
    for _ in range(MOST_TURNS):
        asked: dict[str, tuple[_Open, int]] = {}
        replies: dict[str, dict[int, Reply]] = defaultdict(dict)
        for reply in model.generate(_requests(going, asked)):
            each, number = asked[reply.key]
            replies[each.id][number] = reply
        going = [each for each in going if each.id in replies]
        for each in going:
            own = replies[each.id]
            each.replies += [own[number] for number in sorted(own)]
            each.lost = next((_reject(each.id, reply) for reply in each.replies if _fails(reply)), None)
        going = [each for each in going if each.lost is None]
        if not going:
            return
    raise AssertionError(f"an item of {going[0].benchmark.name} has more than {MOST_TURNS} turns")


def _requests(going: Iterable[_Open], asked: dict[str, tuple[_Open, int]]) -> Iterator[Request]:
    for each in going:
        asks = each.benchmark.asks(each.item, each.replies)
        if not asks and not each.replies:
            each.lost = Reject(each.id, NOTHING_TO_ASK, "", "")
        for number, ask in enumerate(asks, len(each.asks)):
            key = f"{each.id}/{number}"
            asked[key] = each, number
            request = Request(key, "evaluate", ask.messages, ask.sampling, cut=ask.cut)
            yield replace(request, continuation=ask.continuation, scored_as=ask.scored_as)
        each.asks += asks


def _fails(reply: Reply) -> bool:
    return reply.error is not None or reply.finish == "content_filter"


def _reject(identity: str, reply: Reply) -> Reject:
    """Why an item is lost: its prompt has no place, the model gives no likelihoods, or the call failed."""
    error = reply.error or "content filter"
    known = ("prompt too long", "no likelihoods", "no chat template", "content filter")
    reason = next((each for each in known if error.startswith(each)), "model error")
    return Reject(identity, reason, error, reply.kept)


def _scored(benchmark: Benchmark[Any], answers: Sequence[Answer], tools: Tools) -> list[Scored]:
    """Score what was answered. Raises ValueError if an item is left out: that is a bug of its benchmark."""
    found = list(benchmark.score(answers, tools)) if answers else []
    if missing := {each.item.id for each in answers} - {each.item.id for each in found}:
        raise ValueError(f"{benchmark.name} gives no score for {len(missing)} items, such as {min(missing)}")
    return found


def _row(model: str, benchmark: str, scored: Scored) -> tuple[Any, ...]:
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


def evaluation_counts(found: Evaluation, tools: Tools) -> dict[str, Any]:
    """Count items in, out and lost, each benchmark's, and what the judge said that could not be read.

    Raises ValueError if they do not add up: a bug of ours.
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
