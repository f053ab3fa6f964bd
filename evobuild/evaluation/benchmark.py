"""Define a benchmark: its items, the requests that each item needs, the scores of the replies, and the
metrics.

A benchmark is one class in `evobuild/evaluation/benchmarks/`, built with its settings, and one entry of
`BENCHMARKS` there. It neither calls models nor writes files: `evaluate` calls the model and writes the
scores, `compare` aggregates them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

import polars as pl

from evobuild.core.chat import Message, Reply, Sampling, ScoredAs
from evobuild.core.draws import draw_lowest
from evobuild.core.errors import BadInput
from evobuild.core.params import Count, Section, Share, Temperature, Tokens
from evobuild.seeds.fields import Record, field_kind

if TYPE_CHECKING:
    from evobuild.evaluation.judge import Judge
    from evobuild.sandbox.params import Limits

MAX_TURNS = 10
"""Maximum turns of an item: how often its benchmark may ask a follow-up."""

Need = Literal["judge", "sandbox", "likelihoods"]
"""What a benchmark needs besides replies: a judge, the sandbox, or a model that returns likelihoods."""

FIGURE = pl.Schema({"unit": pl.String, "total": pl.Float64, "weight": pl.Float64})
"""Schema of a metric before aggregation: its value is sum(total) / sum(weight). unit: what was sampled,
mostly an item.
"""


class Settings(Section):
    """Settings of every benchmark; the defaults follow its authors.

    benchmark: its name, if the entry has another one; `lm_eval:<task>` for a task of lm-eval. items: file of
    items; '' is data/raw/<benchmark>.parquet, which the stage fetch writes. limit: number of items to sample;
    null: all.
    """

    benchmark: str = ""
    items: str = ""
    limit: Count | None = None
    max_tokens: Tokens = 2048
    temperature: Temperature = 0.0
    top_p: Share = 1.0

    def sampling(self, seed: int, **others: Any) -> Sampling:
        """Return how replies are sampled. others: fields of Sampling, such as n or stop."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, seed=seed, **others)


@dataclass(frozen=True, slots=True)
class Item:
    """One item. id: unique in its benchmark, the same for all models. group: subject, category or level, or
    ''.

    content: its record, parsed and checked by its benchmark.
    """

    id: str
    group: str
    content: Mapping[str, Any]


class ModelRequest(NamedTuple):
    """One request to the model. messages: a chat, or one `text` message: a raw prompt without chat template.

    continuation: text to score instead of generating a reply; None: generate. scored_as: see ScoredAs. cut:
    drop the beginning of a prompt that exceeds the context window; without it, such an item is rejected.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    continuation: str | None = None
    cut: bool = False
    scored_as: ScoredAs = "turn"


class Answer(NamedTuple):
    """An item with its requests and replies, in order; no reply has an error."""

    item: Item
    asks: tuple[ModelRequest, ...]
    replies: tuple[Reply, ...]


class Check(NamedTuple):
    """One verdict on a reply, by name. value: 1 passed, 0 failed, or a measured number; None: unknown."""

    name: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Scored:
    """A reply with its score; None: unknown. part: number of the turn or sample in its item, from 1.

    prompt: the last user message. judgment: the judge's reply, '' without one.
    """

    item: Item
    prompt: str
    reply: str
    score: float | None
    checks: tuple[Check, ...] = ()
    part: int = 1
    judgment: str = ""


@dataclass(frozen=True, slots=True)
class Tools:
    """What scoring may use. limits: of the sandbox. limits and judge are None where no benchmark needs
    them.
    """

    seed: int
    limits: Limits | None = None
    judge: Judge | None = None


S = TypeVar("S", bound=Settings)


class Benchmark(ABC, Generic[S]):
    """One benchmark with its settings. name: its entry in params. seed: of all random choices.

    settings_type: schema of its entry. needs: see Need. prompts: its templates, below prompts/. libraries:
    packages that its scores depend on, as named in requirements.lock. headline: the metric to show where
    there is room for one. higher_is_better: whether larger metrics are better. published_offset: published
    verdicts minus our scores. has_rows:
    whether its items are rows of this pipeline; these may be many, so they are evaluated in batches, each on
    its own.
    """

    settings_type: ClassVar[type[Settings]] = Settings
    needs: ClassVar[frozenset[Need]] = frozenset()
    prompts: ClassVar[tuple[str, ...]] = ()
    libraries: ClassVar[tuple[str, ...]] = ()
    headline: str = "score"
    higher_is_better: ClassVar[bool] = True
    published_offset: ClassVar[float] = 0.0
    has_rows: ClassVar[bool] = False

    def __init__(self, name: str, settings: S, seed: int) -> None:
        self.name, self.settings, self.seed = name, settings, seed

    @property
    def items_file(self) -> str:
        """Return the file of its items."""
        return self.settings.items or f"data/raw/{self.settings.benchmark or self.name}.parquet"

    @property
    def files(self) -> tuple[str, ...]:
        """Return all files that it reads: dependencies of the stage."""
        return (self.items_file,)

    def list_libraries(self) -> tuple[str, ...]:
        """Return those of `libraries` that its items need for scoring."""
        return self.libraries

    @abstractmethod
    def read_items(self) -> Iterable[Item]:
        """Read all items, in file order. Raises BadInput naming location and field of an invalid one."""

    @abstractmethod
    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return the next requests of an item, given the replies so far; none once it is complete.

        The first call passes no replies. All requests of one call are sent together.
        """

    @abstractmethod
    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Score every answered item: yield at least one row for each, in any order."""

    def references(self, item: Item) -> tuple[str, ...]:
        """Return reference answers, turn by turn, for a judge of two models; empty for an item without."""
        return ()

    def max_requests(self, item: Item) -> int:
        """Return the maximum number of requests for an item, for `plan`; override for follow-ups."""
        return len(self.next_requests(item, ()))

    def max_judge_calls(self, item: Item) -> int:
        """Return the maximum number of judge calls for an item, retries aside, for `plan`."""
        return int("judge" in self.needs)

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute metrics by name, each a table of FIGURE. rows: EVALUATION rows of this benchmark.

        Example: {"accuracy": one row per item, total its score, weight 1}.
        """
        return {self.headline: item_means(rows, pl.col("score"))}

    def scale(self, figure: str) -> tuple[float, float] | None:
        """Return the least and the largest value of a metric, if known; None for shares and unbounded
        values.
        """
        return None


def item_means(rows: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """Compute the metric that averages a value over items, each the mean of its rows; nulls are ignored."""
    found = rows.select(unit="item", value=value.cast(pl.Float64)).drop_nulls()
    means = found.group_by("unit").agg(total=pl.col("value").mean()).sort("unit")
    return means.select("unit", "total", weight=pl.lit(1.0))


def average_check(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Compute the metric that averages a check over items, by the check's name; unknown values are
    ignored.
    """
    return item_means(rows, check_value_expr(name))


def compute_unknown_share(rows: pl.DataFrame) -> pl.DataFrame:
    """Compute the metric that is the share of rows with unknown score."""
    unknown = pl.col("score").is_null().cast(pl.Float64)
    return rows.group_by(unit="item").agg(total=unknown.sum(), weight=pl.len().cast(pl.Float64)).sort("unit")


def check_value_expr(name: str) -> pl.Expr:
    """Build the expression for a row's value of a check; null if the row lacks it."""
    named = pl.col("checks").list.eval(
        pl.when(pl.element().struct.field("name") == name).then(pl.element().struct.field("value"))
    )
    return named.list.drop_nulls().list.first()


def last_message(ask: ModelRequest) -> str:
    """Return the text of the last message of a request."""
    return ask.messages[-1].content


def user_chat(text: str) -> tuple[Message, ...]:
    """Build a chat of one user turn."""
    return (Message("user", text),)


def raw_prompt(text: str) -> tuple[Message, ...]:
    """Build a prompt that is sent verbatim, without chat template."""
    return (Message("text", text),)


def sample_items(items: Iterable[Item], limit: int | None, seed: int) -> Iterable[Item]:
    """Sample items by a hash of their ids and keep their order; without a limit, return all."""
    if limit is None:
        return items
    drawn = draw_lowest(enumerate(items), limit, seed, "evaluate", lambda each: each[1].id)
    return [item for _, item in sorted(drawn, key=itemgetter(0))]


def require_text(record: Record, field: str, place: str) -> str:
    """Return the text of a field. Raises BadInput with the location if it is missing, empty or not text."""
    value = record.get(field)
    if isinstance(value, str) and value.strip():
        return value
    found = "empty" if isinstance(value, str) else field_kind(record, field)
    raise BadInput(f"{place}: '{field}' is {found}; expected text")


def collect_items(items: Iterable[tuple[str, Item]], file: str) -> list[Item]:
    """Collect items with their locations. Raises BadInput for a duplicate id, or if there is no item."""
    found: dict[str, Item] = {}
    for place, item in items:
        if item.id in found:
            raise BadInput(f"{place}: duplicate item {item.id!r}; expected unique ids")
        found[item.id] = item
    if not found:
        raise BadInput(f"{file}: holds no item; expected at least one")
    return list(found.values())
