"""Charts that lay what was selected over the others, each as shares of its own rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from markupsafe import Markup

from evobuild.core.escaping import on_page
from evobuild.reporting.charts import ACCENT, INK, MUTED, draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 24
NAMES = 7
"""Names shown of a panel, the commonest; the others are summed up."""
LONGEST = 16
"""Characters of a name."""


class Panel(NamedTuple):
    """What is drawn against each other, either numbers or names."""

    selected: pl.Series
    others: pl.Series


def plot_selected_over_others(panels: Mapping[str, Panel]) -> Markup:
    """Draw a panel each: numbers as histograms on one scale, names as bars."""

    def draw(figure: Figure) -> None:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, panel) in zip(grid, panels.items(), strict=True):
            (_draw_names if panel.selected.dtype == pl.String else _draw_numbers)(axes, panel)
            axes.set_title(title)
            axes.spines["left"].set_visible(False)
            axes.tick_params(length=0)
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=2, handlelength=1)

    return draw_svg(draw, (9.6, 2.7), f"Selected rows over the others by {', '.join(panels)}")


def _draw_numbers(axes: Axes, panel: Panel) -> None:
    every = np.concatenate([own.to_numpy() for own in panel])
    axes.set_yticks([])
    if not len(every):
        return
    low, high = np.quantile(every, (0.0, 0.99), method="nearest")
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    for own, colour, label in zip(panel, (ACCENT, MUTED), ("selected", "others"), strict=True):
        counts, _ = np.histogram(np.clip(own.to_numpy(), edges[0], edges[-1]), edges)
        shares = counts / max(1, counts.sum())
        axes.stairs(shares, edges, fill=True, color=colour, alpha=0.3, label=label)
        axes.stairs(shares, edges, color=colour, linewidth=1.1)
    axes.set_xlim(edges[0], edges[-1])


def _draw_names(axes: Axes, panel: Panel) -> None:
    counts = [Counter(own.to_list()) for own in panel]
    order = sorted(counts[0] + counts[1], key=lambda name: (-(counts[0] + counts[1])[name], name))
    shown, rest = order[:NAMES], order[NAMES:]
    for place, (own, colour) in enumerate(zip(counts, (ACCENT, MUTED), strict=True)):
        bars = [own[name] for name in shown] + (
            [sum(own[name] for name in order[NAMES:])] if order[NAMES:] else []
        )
        shares = np.array(bars) / max(1, sum(bars))
        axes.barh(np.arange(len(bars)) + 0.36 * place, shares, color=colour, height=0.34, alpha=0.8)
    names = [_short(name) for name in shown] + [f"{len(rest)} more"] * bool(rest)
    # Disable mathtext: a name may come from outside and contain "$".
    axes.set_yticks(np.arange(len(names)) + 0.18, names, color=INK, parse_math=False)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.invert_yaxis()


def _short(name: str) -> str:
    text = on_page(name)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
