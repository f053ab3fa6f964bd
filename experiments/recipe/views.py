"""What a recipe ends in, made of one long table: what a measure reads, labelled by experiment.

A view groups its rows by labels and sums each group up. A dry run says DRY RUN in every cell, and
the paper's own figures are shown beside real ones only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import polars as pl

from experiments.recipe.outs import Outs

NOTHING = "–"
"""A cell without a figure."""
DRY = "DRY RUN"


class Finished(NamedTuple):
    """A finished experiment: the level of each factor, and what it left."""

    labels: Mapping[str, str]
    outs: Outs


class Source(Protocol):
    """What a view is made of, and the stages that write it."""

    @property
    def stages(self) -> tuple[str, ...]: ...

    def gather(self, finished: Sequence[Finished]) -> pl.DataFrame:
        """Read it of all experiments, each row labelled with the levels of its own."""
        ...


class Measure(NamedTuple):
    """What to read of an experiment, and the stages that write it."""

    stages: tuple[str, ...]
    read: Callable[[Outs], pl.DataFrame]

    def gather(self, finished: Sequence[Finished]) -> pl.DataFrame:
        """Read it of each."""
        frames = [labelled(self.read(each.outs), each.labels) for each in finished]
        # Where one experiment has no figure of a kind, its column has no type.
        return pl.concat(frames, how="vertical_relaxed")


def labelled(rows: pl.DataFrame, labels: Mapping[str, str]) -> pl.DataFrame:
    """Say of each row which experiment it comes from."""
    return rows.with_columns(pl.lit(level).alias(factor) for factor, level in labels.items())


class View(Protocol):
    """A table or a chart."""

    @property
    def title(self) -> str: ...

    @property
    def measure(self) -> Source: ...

    def markdown(self, frame: pl.DataFrame, drawing: Path, dry: bool) -> str:
        """Show what was measured as Markdown; a drawing is a file of its own."""
        ...


def unchanged(frame: pl.DataFrame) -> pl.DataFrame:
    """Take what was measured as it is."""
    return frame


@dataclass(frozen=True)
class Table:
    """A table: a row and a column for each combination of labels, and in each cell a figure or more.

    prepare: what to do to the measured rows first. interval: bounds of the figure, where a cell has one.
    published: the paper's figures by row labels, column labels and name of the cell.
    """

    title: str
    measure: Source
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Mapping[str, pl.Expr]
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = unchanged
    interval: tuple[pl.Expr, pl.Expr] | None = None
    published: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    digits: int = 2

    def markdown(self, frame: pl.DataFrame, drawing: Path, dry: bool) -> str:
        """Lay the table out."""
        frame = self.prepare(frame)
        places = [*self.rows, *self.columns]
        bounds = self.interval or ()
        figures = {
            values[: len(places)]: values[len(places) :]
            for values in frame.group_by(places)
            .agg(**self.cells, **{f"bound {number}": each for number, each in enumerate(bounds)})
            .iter_rows()
        }
        rows = ordered(frame, self.rows)
        columns = ordered(frame, self.columns)
        heads = [self._head(labels, cell) for labels, cell in itertools.product(columns, self.cells)]
        lines = [line([*self.rows, *heads]), line(["---"] * len(self.rows) + ["---:"] * len(heads))]
        for row in rows:
            cells = []
            for labels in columns:
                found = figures.get((*row, *labels), (None,) * len(self.cells))
                own = found[len(self.cells) :]
                for cell, value in zip(self.cells, found, strict=False):
                    paper = self.published.get((*row, *labels, cell))
                    cells.append(self._format(value, own, paper, dry))
            lines.append(line([*row, *cells]))
        return "\n".join(lines)

    def _head(self, labels: tuple[Any, ...], cell: str) -> str:
        return " · ".join(labels) if labels and len(self.cells) == 1 else " · ".join([*labels, cell])

    def _format(
        self, value: float | None, bounds: Sequence[float | None], paper: float | None, dry: bool
    ) -> str:
        if value is None:
            return NOTHING
        known = [self._number(bound) for bound in bounds if bound is not None]
        text = f"{self._number(value)} [{', '.join(known)}]" if known else self._number(value)
        return f"{DRY} {text}" if dry else text if paper is None else f"{text} (paper {self._number(paper)})"

    def _number(self, value: float) -> str:
        return f"{value:,}" if isinstance(value, int) else f"{value:,.{self.digits}f}"


def ordered(frame: pl.DataFrame, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Give the combinations of labels that occur, each label ranked by where it occurs first."""
    ranks = {name: list(dict.fromkeys(frame[name])) for name in names}
    found = frame.select(names).unique().rows() if names else [()]
    return sorted(found, key=lambda row: [ranks[name].index(row[place]) for place, name in enumerate(names)])


def line(cells: Sequence[object]) -> str:
    """Lay out a line of a Markdown table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
