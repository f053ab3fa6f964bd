"""What is measured of rows, and what rows can be selected by: the one list that everything else reads.

A measure is what one stage writes, a table of each pool in `data/measures/<folder>/`. Its columns make that
table's schema. `select`, the metrics, the report, the explorer and `explain` read `all_measures()`,
`all_columns()` and `all_metrics()`. So a measure that is added here, or that `measures` in params.yaml
declares, is selected by, filtered by, counted and shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated, Literal, NamedTuple

import polars as pl

from evobuild.core.params import Between, Count, Name, StageParams, default


class Column(NamedTuple):
    """A measured column.

    text: how a value reads in a sentence. field: its name in its own table, if that is another than
    everywhere else. in_dataset: whether the data set has it.
    """

    name: str
    kind: pl.DataType | type[pl.DataType]
    meaning: str
    text: str
    field: str = ""
    in_dataset: bool = True

    @property
    def stored(self) -> str:
        """Its name in its own table."""
        return self.field or self.name


class Measure(NamedTuple):
    """What one stage measures.

    said: what a line of text calls it. switch: the param that disables it, '' for none. once: whether one
    run of the stage takes all pools. asks: the role of the chat model that it asks, if any. name: its entry
    in `measures` of params.yaml, '' for a built-in one.
    """

    stage: str
    folder: str
    said: str
    switch: str
    columns: tuple[Column, ...]
    once: bool = True
    asks: str = ""
    name: str = ""

    @property
    def schema(self) -> pl.Schema:
        """Of its table: the row's id, then its columns."""
        return pl.Schema({"id": pl.String(), **{column.stored: column.kind for column in self.columns}})

    @property
    def renamed(self) -> dict[str, str]:
        """Its columns by their names in its table."""
        return {column.stored: column.name for column in self.columns}

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Make its table of the columns that rows have; values of a column that they lack are null.

        Raises polars' error at values of another kind.
        """
        return rows.select(
            "id",
            *(
                (pl.col(column.name) if column.name in rows.columns else pl.lit(None))
                .cast(column.kind)
                .alias(column.stored)
                for column in self.columns
            ),
        )


_DIFFICULTY = "difficulty {:g} of 100"
_LOSS = "mean loss in nats per token of the {}"

LEVELS = ("very easy", "easy", "medium", "hard", "very hard")
"""Levels of difficulty, the easiest first."""

BUILT_IN = (
    Measure(
        "rate", "ratings", "rated", "rate.measures",
        (
            Column("level", pl.String, "difficulty by the judge, from very easy to very hard", "{}"),
            Column("difficulty", pl.Float64, "difficulty by the judge, 0 to 100", _DIFFICULTY, "score"),
        ),
        once=False, asks="judge",
    ),
    Measure(
        "score", "scores", "scored", "models.scorer",
        (
            Column("question_tokens", pl.Int64, "tokens of the question", "question_tokens {}"),
            Column("answer_tokens", pl.Int64, "tokens of the answer", "answer_tokens {}"),
            Column("truncated", pl.Boolean, "whether the answer was cut at score.max_length", "truncated {}"),
            Column("loss_q", pl.Float64, _LOSS.format("question"), "loss_q {:.5g}"),
            Column("loss_a_given_q", pl.Float64, _LOSS.format("answer after it"), "loss_a_given_q {:.5g}"),
            Column("loss_a", pl.Float64, _LOSS.format("answer alone"), "loss_a {:.5g}"),
            Column("ifd", pl.Float64, "L(A|Q) / L(A)", "ifd {:.5g}"),
            Column("ifd_ppl", pl.Float64, "the same of perplexities", "ifd_ppl {:.5g}"),
            Column("ic_ifd", pl.Float64, "L(A|Q) / (L(Q) · L(A))", "ic_ifd {:.5g}"),
        ),
    ),
    Measure(
        "diversity", "diversity", "nearest other instruction", "models.embedder",
        (
            Column("neighbour", pl.String, "the nearest other row of the same pool", "{}", in_dataset=False),
            Column("diversity", pl.Float64, "how far away that is", "distance {:.5g}", "distance"),
        ),
    ),
    Measure(
        "reward", "rewards", "reward", "models.reward",
        (
            Column("reward", pl.Float64, "of the instruction as answer to its evolving prompt", "{:.5g}"),
            Column("reward_tokens", pl.Int64, "the reward model's tokens of it", "{} tokens", "tokens"),
            Column("reward_scaled", pl.Float64, "reward / tokens · mean tokens of the pool",
                   "{:.5g} scaled by length", "scaled"),
        ),
    ),
    Measure(
        "tag", "tags", "tags", "models.tagger",
        (Column("tags", pl.List(pl.String), "every intention of the instruction, a phrase each", "{}"),),
        asks="tagger",
    ),
)  # fmt: skip
"""Measures that stages of their own write, in the order of the pipeline."""

EMBEDDING = Measure(
    "diversity", "embeddings", "embedding", "models.embedder",
    (Column("embedding", pl.List(pl.Float32), "of the text of diversity.text", "", in_dataset=False),),
)  # fmt: skip
"""What is kept beside the measures of `diversity`; nothing is chosen by it."""

DECLARED_STAGE = "measure"
"""The stage that runs for each measure that params declare."""


class DeclaredColumn(StageParams):
    """What is read of an entry of `measures` to know its column; `scoring/params.py` has all of an entry.

    read: how a value is read from the judge's reply. scale: the least and the most number, or the words of a
    choice, the least first. rubric: what each number or word means; without a scale it gives that, too.
    best: the end of the scale that is selected first. rows: sampled of each pool; None: all.
    """

    read: Literal["number", "choice", "list", "expected"] = "number"
    scale: list[Annotated[float, Between(0, 999)]] | list[str] | None = None
    rubric: dict[str, str] | None = None
    best: Literal["highest", "lowest"] = "highest"
    rows: Count | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The words of a choice, the least first."""
        return tuple(map(str, self.scale or self.rubric or ()))

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most number of the scale."""
        numbers = [float(each) for each in self.scale or self.rubric or (0, 100)]
        return min(numbers), max(numbers)


Declared = Mapping[Name, DeclaredColumn]
"""`measures` of params.yaml, as far as select, reports and contracts read it."""


class ReadsMeasures(StageParams):
    """What a stage or command reads that knows every measure of the project."""

    measures: Declared = default({})


_NONE: Mapping[str, DeclaredColumn] = {}
_declared: ContextVar[Mapping[str, DeclaredColumn]] = ContextVar("declared", default=_NONE)


@contextmanager
def declared_measures(declared: Mapping[str, DeclaredColumn]) -> Iterator[None]:
    """Have `all_measures`, `all_columns` and `all_metrics` include the measures that params declare."""
    token = _declared.set(declared)
    try:
        yield
    finally:
        _declared.reset(token)


def all_measures() -> tuple[Measure, ...]:
    """Give every measure of this project, in the order of the pipeline."""
    return (*BUILT_IN, *(_declared_measure(name, each) for name, each in _declared.get().items()))


_KINDS: dict[str, tuple[pl.DataType | type[pl.DataType], str]] = {
    "number": (pl.Float64, "{:.5g}"),
    "expected": (pl.Float64, "{:.5g}"),
    "choice": (pl.String, "{}"),
    "list": (pl.List(pl.String), "{}"),
}
"""The column of a declared measure by how its reply is read, and how a value is shown in a line."""


def _declared_measure(name: str, declaration: DeclaredColumn) -> Measure:
    kind, text = _KINDS[declaration.read]
    column = Column(name, kind, f"{name}, as params.yaml declares it", text)
    return Measure(DECLARED_STAGE, name, name, f"measures.{name}", (column,), asks="judge", name=name)


def all_columns() -> dict[str, Column]:
    """Give the columns of every measure by name."""
    return {column.name: column for measure in all_measures() for column in measure.columns}


def measure_of(stage: str) -> Measure:
    """Give the built-in measure that a stage writes. Raises KeyError for any other stage."""
    return {measure.stage: measure for measure in BUILT_IN}[stage]


class Metric(NamedTuple):
    """What rows can be selected by.

    column: what it is computed from; '' for nothing. highest: whether the highest are selected first.
    source: who selects so. label: what a page calls it, if not by its name. explored: whether the explorer
    orders and filters by it. value: how it is computed from the column, if it is not the column itself;
    position: the place of the column's word among choices, from 1.
    """

    column: str
    highest: bool
    source: str
    label: str = ""
    explored: bool = False
    value: Literal["itself", "exp", "length", "position"] = "itself"
    choices: tuple[str, ...] = ()

    @property
    def expression(self) -> pl.Expr:
        """Its value of a row."""
        own = pl.col(self.column)
        if self.value == "position":
            places = {word: place for place, word in enumerate(self.choices, start=1)}
            return own.replace_strict(places, default=None, return_dtype=pl.Int64)
        return {"itself": own, "exp": own.exp(), "length": own.list.len()}[self.value]

    @property
    def switch(self) -> str:
        """The param that disables its measurement, '' for none."""
        return next(m.switch for m in all_measures() for column in m.columns if column.name == self.column)


def all_metrics() -> dict[str, Metric]:
    """Give by name what rows of this project can be selected by."""
    return _BUILT_IN_METRICS | {name: _declared_metric(name, each) for name, each in _declared.get().items()}


def _declared_metric(name: str, declaration: DeclaredColumn) -> Metric:
    highest, source = declaration.best == "highest", f"measures.{name}"
    if declaration.read == "choice":
        return Metric(name, highest, source, value="position", choices=declaration.words)
    if declaration.read == "list":
        return Metric(name, highest, source, value="length")
    return Metric(name, highest, source, explored=True)


_BUILT_IN_METRICS: dict[str, Metric] = {
    "ic_ifd": Metric("ic_ifd", True, "arXiv:2412.11231, Table 5", "IC-IFD", explored=True),
    "ifd": Metric("ifd", True, "arXiv:2308.12032", "IFD", explored=True),
    "ifd_ppl": Metric("ifd_ppl", True, "arXiv:2402.00530"),
    "difficulty": Metric("difficulty", True, "complexity in arXiv:2312.15685", explored=True),
    "reward": Metric("reward", True, "arXiv:2412.11231, Table 14", explored=True),
    "reward_scaled": Metric("reward_scaled", True, "eval_reward.py of arXiv:2412.11231's authors"),
    "diversity": Metric(
        "diversity", True, "arXiv:2412.11231, Figure 4", "distance to nearest", explored=True
    ),
    "tags": Metric("tags", True, "complexity in arXiv:2308.07074", value="length"),
    "perplexity": Metric("loss_q", False, "arXiv:2412.11231, Table 5", value="exp"),
    "length": Metric("question_tokens", False, "arXiv:2412.11231, Table 5"),
}

RANDOM = "random"
"""What rows can be chosen by, too: a draw, of which nothing is measured."""
