"""Charts of a recipe as SVG files: the same values give the same bytes."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from experiments.recipe.views import DRY, Source, ordered, unchanged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#1d6f69", "#b5562a", "#5a4fa2", "#8a6d00", "#a23b6b", "#3f6fb0", "#5d6970", "#2f7d32")
RAMP = ("#d3e9e4", "#a3d0c8", "#69b0a7", "#34867f", "#134e4a")
WARNING = "#b5562a"
_STYLE = {
    "svg.hashsalt": "evobuild",
    "svg.fonttype": "none",
    # Labels come from the command line and from data: a $ in them is a $.
    "text.parse_math": False,
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#dde2e1",
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Lines:
    """A figure over a number: a line for each combination of `series`, a panel for each data set.

    y: sums up the rows at one x. last_edge: upper, of a histogram, whose x are the lower ones.
    """

    title: str
    measure: Source
    x: str
    y: pl.Expr
    y_title: str
    series: Sequence[str]
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = unchanged
    last_edge: float | None = None
    logarithmic: bool = False

    def markdown(self, frame: pl.DataFrame, drawing: Path, dry: bool) -> str:
        """Draw the lines, and refer to the drawing."""
        return _plot(self.title, self.prepare(frame), self._draw, 2.8, drawing, dry)

    def _draw(self, axes: Axes, rows: pl.DataFrame) -> None:
        number = pl.col(self.x).cast(pl.Float64)
        for (labels, own), colour in zip(_parts(rows, self.series), itertools.cycle(COLOURS), strict=False):
            points = own.group_by(number).agg(y=self.y).drop_nulls().sort(self.x)
            x, y = points[self.x].to_list(), points["y"].to_list()
            name = " ".join(map(str, labels))
            if self.last_edge:
                axes.stairs(y, [*x, self.last_edge], label=name, color=colour)
            else:
                axes.plot(x, y, label=name, color=colour, marker="o", markersize=4)
        if self.logarithmic:
            axes.set_xscale("log")
            axes.minorticks_off()
        if not self.last_edge:
            axes.set_xticks(rows.select(number.unique().sort())[self.x].to_list())
            axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(self.x)
        axes.set_ylabel(self.y_title)
        axes.grid(visible=True)


@dataclass(frozen=True)
class Bars:
    """A bar for each combination of `bars`, a panel for each data set; a bar is cut into shares of parts.

    part: the column that says which part a row belongs to. order: all parts from first to last. unit: what
    the shares are of.
    """

    title: str
    measure: Source
    bars: Sequence[str]
    part: str
    order: Sequence[str]
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = unchanged
    unit: str = "rows"

    def markdown(self, frame: pl.DataFrame, drawing: Path, dry: bool) -> str:
        """Draw the bars, and refer to the drawing."""
        frame = self.prepare(frame)
        height = 1 + 0.24 * len(ordered(frame, self.bars))
        return _plot(self.title, frame, self._draw, height, drawing, dry)

    def _draw(self, axes: Axes, rows: pl.DataFrame) -> None:
        parts = _parts(rows, self.bars)
        names = [" ".join(map(str, labels)) for labels, _ in parts]
        left = [0.0] * len(parts)
        for part, colour in zip(self.order, _ramp(len(self.order)), strict=True):
            shares = [own.filter(pl.col(self.part) == part).height / own.height for _, own in parts]
            axes.barh(names, shares, left=left, color=colour, height=0.7, label=part)
            left = [start + share for start, share in zip(left, shares, strict=True)]
        axes.set_xlim(0, 1)
        axes.set_ylim(len(parts) - 0.5, -0.5)
        axes.set_xlabel(f"share of {self.unit}")


def _ramp(count: int) -> Sequence[str]:
    """So many colours of the ramp, from its lightest to its darkest."""
    return [RAMP[number * (len(RAMP) - 1) // (count - 1)] for number in range(count)]


def _parts(rows: pl.DataFrame, names: Sequence[str]) -> list[tuple[tuple[Any, ...], pl.DataFrame]]:
    """Part rows by labels, in the order in which a table would have them."""
    parts = rows.partition_by(names, as_dict=True)
    return [(labels, parts[labels]) for labels in ordered(rows, names)]


def _plot(
    title: str,
    frame: pl.DataFrame,
    draw: Callable[[Axes, pl.DataFrame], None],
    height: float,
    drawing: Path,
    dry: bool,
) -> str:
    """Draw a panel for each data set, with one legend; write the SVG file and refer to it.

    draw: draws a panel, each of its marks with a label. height: of a panel, in inches.
    """
    import matplotlib
    from matplotlib.figure import Figure

    panels = _parts(frame, ["data"])
    if not panels:
        return "Nothing was measured."
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "svg", **_STYLE}):
        figure = Figure(figsize=(2 + 3.2 * len(panels), height), layout="constrained")
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        legend: dict[str, Any] = {}
        for axes, ((data,), rows) in zip(grid, panels, strict=True):
            draw(axes, rows)
            handles, labels = axes.get_legend_handles_labels()
            legend |= dict(zip(labels, handles, strict=True))
            axes.set_title(data)
            if dry:
                axes.set_title(DRY, loc="right", color=WARNING, weight="bold")
        for axes in grid[1:]:
            axes.set_ylabel("")
        place = {"loc": "outside lower center", "ncols": len(legend), "handlelength": 1.2}
        figure.legend(legend.values(), legend.keys(), **place)
        stream = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(stream, format="svg", metadata=nothing)
    drawing.write_text(stream.getvalue(), encoding="utf-8")
    return f"![{title}]({drawing.name})"
