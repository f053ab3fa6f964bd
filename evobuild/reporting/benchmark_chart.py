"""A picture of benchmarks: the main figure of each, a point a model, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from evobuild.reporting import charts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3
"""Panels side by side."""
MOST = 24
"""Panels at most, the first ones: beyond that the table says more."""
MODELS = 20
"""Models of a panel at most, the first ones."""


def draw_headlines(lines: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw the main figure of each benchmark, a line a model. lines: of `evaluations.figure_lines`."""
    shown = [line for line in lines if line["headline"]][:MOST]
    if not shown:
        return Markup("")
    rows = -(-len(shown) // COLUMNS)
    tallest = min(MODELS, max(len(line["models"]) for line in shown))

    def draw(figure: Figure) -> None:
        grid = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
        for axes in grid[len(shown) :]:
            axes.set_visible(False)
        for axes, line in zip(grid, shown, strict=False):
            for place, each in enumerate(list(line["models"].values())[:MODELS]):
                if each["low"] is not None:
                    axes.plot((each["low"], each["high"]), (place, place), color=charts.ACCENT, linewidth=1.6)
                axes.plot(each["value"], place, "o", color=charts.SECOND, markersize=5)
            names = list(line["models"])[:MODELS]
            axes.set_yticks(range(len(names)), names, color=charts.INK, parse_math=False)
            axes.set_ylim(len(names) - 0.5, -0.5)
            title = f"{line['benchmark']}: {line['figure']}"
            axes.set_title(title, parse_math=False)
            axes.grid(axis="x")
            axes.spines["left"].set_visible(False)
            axes.tick_params(length=0)

    return charts.draw_svg(draw, (9.6, rows * (0.7 + 0.24 * tallest)), "The main figure of each benchmark")
