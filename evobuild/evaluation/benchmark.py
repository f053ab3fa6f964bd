"""What a benchmark is: items, what a model is asked, how its replies are scored, and what figures come of it.

A benchmark is one class in `evobuild/evaluation/benchmarks/`, made with its settings, and one entry of
`BENCHMARKS` there. `evaluate` asks and keeps, `compare` sums up: a benchmark does neither.
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

MOST_TURNS = 10
"""Turns of an item at most: times that its benchmark may ask on."""

Need = Literal["judge", "sandbox", "likelihoods"]
"""What it needs beside replies: a judge, the sandbox, or a model that gives likelihoods."""

FIGURE = pl.Schema({"unit": pl.String, "total": pl.Float64, "weight": pl.Float64})
"""What a figure is computed from: sum of total / sum of weight. unit: what was drawn, mostly an item."""


class Settings(Section):
    """What every benchmark takes; what is not given is as its authors have it.

    benchmark: which, if the entry's name is another; `lm_eval:<task>` for one of lm-eval's. items: its file,
    '' for data/raw/<benchmark>.parquet, which the stage fetch makes. limit: items drawn of it; null: all.
    """

    benchmark: str = ""
    items: str = ""
    limit: Count | None = None
    max_tokens: Tokens = 2048
    temperature: Temperature = 0.0
    top_p: Share = 1.0

    def sampling(self, seed: int, **others: Any) -> Sampling:
        """How replies are drawn. others: fields of Sampling, such as n or stop."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, seed=seed, **others)


@dataclass(frozen=True, slots=True)
class Item:
    """One item. id: unique in its benchmark, whatever the model. group: a subject, category or level, or ''.

    content: its record, as its benchmark has read and checked it.
    """

    id: str
    group: str
    content: Mapping[str, Any]


class Ask(NamedTuple):
    """One request to the model. messages: a chat, or one `text` message: a prompt as it stands, no template.

    continuation: what is scored instead of a reply being written; None to write one. scored_as: see
    ScoredAs. cut: leave out the beginning of a prompt that has no place in the model, which else loses the
    item.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    continuation: str | None = None
    cut: bool = False
    scored_as: ScoredAs = "turn"


class Answer(NamedTuple):
    """An item with what was asked and replied, in order; no reply has an error."""

    item: Item
    asks: tuple[Ask, ...]
    replies: tuple[Reply, ...]


class Check(NamedTuple):
    """One verdict on a reply, by name. value: 1 passed, 0 failed, or what was measured; None is unknown."""

    name: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Scored:
    """A reply with its score; None if that is unknown. part: the turn, or the sample, of its item, from 1.

    prompt: what was asked last. judgment: the judge's reply, '' without one.
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
    """What scoring may use. limits: of the sandbox; judge: each only where a benchmark needs it."""

    seed: int
    limits: Limits | None = None
    judge: Judge | None = None


S = TypeVar("S", bound=Settings)


class Benchmark(ABC, Generic[S]):
    """One benchmark with its settings. name: its entry in params. seed: of all that is drawn.

    settings_type: what its entry may hold. needs: see Need. prompts: templates of its own, below prompts/.
    libraries: those of others that its scores depend on, by their names in requirements.lock.
    headline: the figure that stands for it where there is room for one.
    higher_is_better: of its figures. published_offset: what its authors' verdicts are above our scores.
    has_rows: whether its items are rows of ours, as many as one likes; each is scored alone, as they are
    asked and scored some at a time.
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
        """The file that holds its items."""
        return self.settings.items or f"data/raw/{self.settings.benchmark or self.name}.parquet"

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that it reads, for the stage to depend on."""
        return (self.items_file,)

    def needed_libraries(self) -> tuple[str, ...]:
        """Those of `libraries` without which its items cannot be scored."""
        return self.libraries

    @abstractmethod
    def read_items(self) -> Iterable[Item]:
        """Read all items, in the file's order. Raises BadInput naming place and field of what is none."""

    @abstractmethod
    def asks(self, item: Item, replies: Sequence[Reply]) -> Sequence[Ask]:
        """What is asked of an item next, after the replies so far; nothing once it is whole.

        Called with no reply first. All asks of one call are asked at once.
        """

    @abstractmethod
    def score(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Score every item that was answered: one or several rows for each, in any order."""

    def references(self, item: Item) -> tuple[str, ...]:
        """Answers that a judge of two models goes by, turn by turn; none where an item has none."""
        return ()

    def most_asks(self, item: Item) -> int:
        """Requests to the model that an item takes at most, for the plan; one that is asked on says more."""
        return len(self.asks(item, ()))

    def most_questions(self, item: Item) -> int:
        """Questions to the judge that an item takes at most, retries aside, for the plan."""
        return int("judge" in self.needs)

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """What comes of the scores, by name: a table of FIGURE each. rows: of EVALUATION, this benchmark's.

        Instance: {"accuracy": one row an item, total its score, weight 1}.
        """
        return {self.headline: mean_of(rows, pl.col("score"))}

    def scale(self, figure: str) -> tuple[float, float] | None:
        """Give the least and the largest value of a figure, where they are known; shares need none."""
        return None


def mean_of(rows: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """The figure that is the mean over items of the mean of a value over an item's rows; null is left out."""
    found = rows.select(unit="item", value=value.cast(pl.Float64)).drop_nulls()
    means = found.group_by("unit").agg(total=pl.col("value").mean()).sort("unit")
    return means.select("unit", "total", weight=pl.lit(1.0))


def check_mean(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """The figure that is the mean over items of a check, by its name; unknown ones are left out."""
    return mean_of(rows, check_value(name))


def unknown_share(rows: pl.DataFrame) -> pl.DataFrame:
    """The figure that is the share of rows whose score is unknown."""
    unknown = pl.col("score").is_null().cast(pl.Float64)
    return rows.group_by(unit="item").agg(total=unknown.sum(), weight=pl.len().cast(pl.Float64)).sort("unit")


def check_value(name: str) -> pl.Expr:
    """The value of a check of a row; null if it has none of this name."""
    named = pl.col("checks").list.eval(
        pl.when(pl.element().struct.field("name") == name).then(pl.element().struct.field("value"))
    )
    return named.list.drop_nulls().list.first()


def last_prompt(ask: Ask) -> str:
    """What an ask asks: its last message."""
    return ask.messages[-1].content


def user(text: str) -> tuple[Message, ...]:
    """A chat of one user turn."""
    return (Message("user", text),)


def plain_text(text: str) -> tuple[Message, ...]:
    """A prompt as it stands, without a chat template."""
    return (Message("text", text),)


def drawn_items(items: Iterable[Item], limit: int | None, seed: int) -> Iterable[Item]:
    """Draw items by a hash of their ids and keep their order; all without a limit."""
    if limit is None:
        return items
    drawn = draw_lowest(enumerate(items), limit, seed, "evaluate", lambda each: each[1].id)
    return [item for _, item in sorted(drawn, key=itemgetter(0))]


def required_text(record: Record, field: str, place: str) -> str:
    """The text of a field that must hold some. Raises BadInput with the place if it does not."""
    value = record.get(field)
    if isinstance(value, str) and value.strip():
        return value
    found = "empty" if isinstance(value, str) else field_kind(record, field)
    raise BadInput(f"{place}: '{field}' is {found}; expected text")


def unique_items(items: Iterable[tuple[str, Item]], file: str) -> list[Item]:
    """Gather items with their places. Raises BadInput if an id stands twice, or there is none."""
    found: dict[str, Item] = {}
    for place, item in items:
        if item.id in found:
            raise BadInput(f"{place}: the item {item.id!r} is given twice")
        found[item.id] = item
    if not found:
        raise BadInput(f"{file}: holds no item; expected at least one")
    return list(found.values())
