"""Charts of the report as inline SVG: the same values give the same bytes.

A chart is plotted in placeholder colours, which then become CSS variables of the page, so that it
follows the page's light and dark. Its text stays text, escaped. Nothing but names and numbers of ours
enters, and the short phrases of `keywords`.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from markupsafe import Markup

from evobuild.core.measures import LEVELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, SECOND = "#010101", "#020202", "#030303", "#040404", "#050505"
RAMP = tuple(f"#0606{number:02x}" for number in range(len(LEVELS)))
_COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
} | {colour: f"var(--level-{number})" for number, colour in enumerate(RAMP)}
_STYLE = {
    "svg.hashsalt": "evobuild",
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
}
BINS = 40
"""Bins of a histogram."""
MEASURES = {"IC-IFD": "ic_ifd", "IFD": "ifd"}
POINTS = 200
"""Rows shown in a panel of points."""
KEYWORDS = 20
"""Keywords shown of an evolver, the commonest."""


def plot_failure_rates(points: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw failure rate and length of every candidate by step, a line through those that were chosen.

    points: rows of a CANDIDATES table; a failure rate may be null. Where a holdout was measured it
    has a line of its own beside that of the development set.
    """
    judged = [point for point in points if point["failure_rate"] is not None]
    chosen = [point for point in judged if point["chosen"]]
    held_out = [point for point in chosen if point["holdout_rate"] is not None]

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 2)
        labels = {"failure_rate": "failure rate λ", "words": "method length (words)"}
        for axes, (key, label) in zip(panels, labels.items(), strict=True):
            axes.scatter(*_group_by_step(judged, key), s=18, c=MUTED, alpha=0.45)
            _draw_line(axes, _group_by_step(chosen, key), ACCENT, "development")
            _frame(axes, label, "step")
            axes.xaxis.get_major_locator().set_params(integer=True)
        if held_out:
            _draw_line(panels[0], _group_by_step(held_out, "holdout_rate"), SECOND, "holdout")
            panels[0].legend()

    return draw_svg(draw, (9.6, 2.6), "Failure rate and length of the evolving method by step")


def _group_by_step(points: Sequence[Mapping[str, Any]], key: str) -> tuple[list[Any], list[Any]]:
    return [point["step"] for point in points], [point[key] for point in points]


def _draw_line(axes: Axes, places: tuple[list[Any], list[Any]], colour: str, label: str) -> None:
    axes.plot(*places, color=colour, marker="o", markersize=5, label=label)


def plot_levels(ratings: Mapping[str, pl.DataFrame]) -> Markup:
    """Draw the share of each difficulty level as one bar a pool, beside it its mean score and over how many.

    ratings: pool to its RATINGS table; levels and scores may be null.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        names = list(ratings)
        shares = np.array(
            [[(rows["level"] == level).sum() for level in LEVELS] for rows in ratings.values()], dtype=float
        )
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
        left = np.zeros(len(names))
        for number, level in enumerate(LEVELS):
            axes.barh(names, shares[:, number], left=left, color=RAMP[number], height=0.62, label=level)
            left += shares[:, number]
        for place, rows in enumerate(ratings.values()):
            mean = rows["score"].mean()
            if isinstance(mean, float):
                axes.text(
                    1.015, place, f"mean {mean:.1f} of {rows['score'].count():,}", va="center", color=INK
                )
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1), ncols=len(LEVELS), handlelength=1)

    return draw_svg(draw, (9.6, 0.6 + 0.4 * len(ratings)), "Difficulty levels of each pool")


def histograms(scores: Mapping[str, pl.DataFrame]) -> Markup:
    """Draw IC-IFD and IFD as one small histogram a pool, each on one scale; a line marks the mean.

    scores: pool to its SCORES table. A scale goes from the 1st to the 99th percentile of all pools;
    values outside the edges count in the first and the last bin.
    """

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(scores), len(MEASURES), sharex="col", squeeze=False)
        for column, (label, measure) in enumerate(MEASURES.items()):
            values = {pool: rows[measure].to_numpy() for pool, rows in scores.items()}
            ends = np.quantile(np.concatenate(list(values.values())), (0.01, 0.99), method="nearest")
            edges = np.linspace(ends[0], ends[1] if ends[1] > ends[0] else ends[0] + 1, BINS + 1)
            for axes, pool in zip(grid[:, column], scores, strict=True):
                _histogram(axes, values[pool], edges)
                axes.set_ylabel(pool, rotation=0, ha="right", va="center", color=INK)
            grid[0, column].set_title(label)

    return draw_svg(draw, (9.6, 0.7 + 0.62 * len(scores)), "Distribution of " + " and ".join(MEASURES))


def spread(values: Mapping[str, pl.Series], measure: str) -> Markup:
    """Draw a measure as one small histogram a pool, all on one scale; a line marks the mean.

    values: pool to what was measured of its rows, at least one. measure: what it is called.
    """
    found = {pool: own.to_numpy() for pool, own in values.items()}
    low, high = min(map(np.min, found.values())), max(map(np.max, found.values()))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(found), 1, sharex=True, squeeze=False)
        for axes, (pool, own) in zip(grid[:, 0], found.items(), strict=True):
            _histogram(axes, own, edges)
            axes.set_ylabel(pool, rotation=0, ha="right", va="center", color=INK)
        grid[-1, 0].set_xlabel(measure)

    return draw_svg(draw, (9.6, 0.7 + 0.62 * len(found)), f"Distribution of {measure}")


def _histogram(axes: Axes, values: np.ndarray, edges: np.ndarray) -> None:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    axes.stairs(counts, edges, fill=True, color=ACCENT, alpha=0.35)
    axes.stairs(counts, edges, color=ACCENT, linewidth=0.9)
    axes.axvline(np.clip(values.mean(), edges[0], edges[-1]), color=SECOND, linewidth=1.4)
    axes.set_yticks([])
    axes.set_xlim(edges[0], edges[-1])
    axes.spines["left"].set_visible(False)


def token_probability(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw the evolver's top-1 probability as one small histogram a round, all on one scale.

    bins: rows of probability.HISTOGRAM, at least one.
    """
    panels: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in bins:
        panels.setdefault((each["round"], each["evolver"]), []).append(each)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)
        for axes, ((name, _), own) in zip(grid[:, 0], panels.items(), strict=True):
            edges = [*(each["probability"] for each in own), 1.0]
            axes.stairs([each["share"] for each in own], edges, fill=True, color=ACCENT, alpha=0.35)
            axes.stairs([each["share"] for each in own], edges, color=ACCENT, linewidth=0.9)
            axes.set_ylabel(name, rotation=0, ha="right", va="center", color=INK)
            axes.set_yticks([])
            axes.set_xlim(0, 1)
            axes.spines["left"].set_visible(False)
        grid[-1, 0].set_xlabel("probability of the likeliest token")

    return draw_svg(draw, (9.6, 0.7 + 0.62 * len(panels)), "Top-1 probability at every output position")


def keywords(counts: Sequence[Mapping[str, Any]]) -> Markup:
    """Plot how many methods have each of an evolver's commonest keywords.

    counts: rows of keywords.COUNTS, at least one, the commonest of an evolver first.
    """
    panels: dict[str, list[Mapping[str, Any]]] = {}
    for each in counts:
        panels.setdefault(each["evolver"], []).append(each)
    shown = {evolver: own[:KEYWORDS] for evolver, own in panels.items()}
    heights = [0.45 + 0.2 * len(own) for own in shown.values()]

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(shown), 1, squeeze=False, height_ratios=heights)
        for axes, (evolver, own) in zip(grid[:, 0], shown.items(), strict=True):
            bars = axes.barh(range(len(own)), [each["count"] for each in own], color=ACCENT, height=0.62)
            axes.bar_label(bars, color=INK, padding=3)
            # Disable mathtext: a phrase comes from a model and may contain "$".
            phrases = [each["keyword"] for each in own]
            axes.set_yticks(range(len(own)), phrases, color=INK, parse_math=False)
            axes.set_title(evolver, parse_math=False)
            axes.set_xticks([])
            axes.invert_yaxis()
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)

    return draw_svg(draw, (9.6, 0.1 + sum(heights)), "Methods behind each keyword")


def lengths(panels: Mapping[str, pl.DataFrame]) -> Markup:
    """Draw each metric against the length of the instruction, rows that were kept over those that were not.

    panels: metric to the rows with columns words, value and kept. Of many rows POINTS are shown.
    """

    def draw(figure: Figure) -> None:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (metric, rows) in zip(grid, panels.items(), strict=True):
            shown = rows.drop_nulls().gather_every(max(1, -(-rows.height // POINTS)))
            for kept, colour, label in ((False, MUTED, "not kept"), (True, ACCENT, "kept")):
                own = shown.filter(pl.col("kept") == kept)
                axes.scatter(own["words"], own["value"], s=7, c=colour, alpha=0.55, linewidths=0, label=label)
            _frame(axes, metric, "words")
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
        place = {"loc": "lower right", "bbox_to_anchor": (1.02, 0.98), "ncols": 2}
        grid[-1].legend(**place, handletextpad=0.1, columnspacing=0.8)

    return draw_svg(draw, (9.6, 2.6), "Metrics against the length of the instruction")


def funnel(branches: Mapping[str, Sequence[Mapping[str, Any]]]) -> Markup:
    """Draw the share that each step of a branch let through, as one bar a step.

    branches: to the steps, in order, with `step`, `share`, `in` and `passed`.
    """
    steps = [each for own in branches.values() for each in own]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = range(len(steps))
        axes.barh(places, [1.0] * len(steps), color=LINE, height=0.62, alpha=0.5)
        bars = axes.barh(places, [each["share"] for each in steps], color=ACCENT, height=0.62)
        labels = [f"{each['passed']:,} of {each['in']:,}" for each in steps]
        axes.bar_label(bars, labels, color=INK, padding=3)
        axes.set_yticks(places, [each["step"] for each in steps], color=INK)
        axes.set_xlim(0, 1.2)
        axes.set_xticks([])
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    return draw_svg(draw, (9.6, 0.3 + 0.3 * len(steps)), "Share that each step of a branch let through")


LOSSES = {"loss": (ACCENT, "training"), "held_out_loss": (SECOND, "held-out rows")}
"""The losses of a training curve: colour and name."""


def training(curves: Mapping[str, Sequence[Mapping[str, float | None]]], label: str) -> Markup:
    """Draw the losses of training by step, a panel a base.

    curves: base to its points, at least one, with step, loss and held_out_loss in nats per answer token; None
    where it was not measured. label: DRY RUN, TOY, or ''.
    """

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(curves), 1, squeeze=False)[:, 0]
        for axes, (name, points) in zip(grid, curves.items(), strict=True):
            for key, (colour, losses_of) in LOSSES.items():
                known = [point for point in points if point[key] is not None]
                steps, losses = [point["step"] for point in known], [point[key] for point in known]
                few = "o" if len(known) < 3 else ""
                if known:
                    axes.plot(steps, losses, color=colour, linewidth=1.6, marker=few, label=losses_of)
            _frame(axes, f"{name}: loss (nats per answer token){label and f', {label}'}", "step")
            axes.legend(loc="upper right")

    return draw_svg(draw, (9.6, 0.2 + 2.6 * len(curves)), "Losses of training by step")


def _frame(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(below)
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.margins(x=0.03, y=0.12)


def draw_svg(draw: Callable[[Figure], None], size: tuple[float, float], title: str) -> Markup:
    """Draw on a figure of a size in inches and give it as SVG for a page, title as its spoken name."""
    import matplotlib
    from matplotlib.figure import Figure

    stream = io.StringIO()
    style = {**matplotlib.rcParamsDefault, "backend": "svg", **_STYLE}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        # The page's fonts may have what the one measured with here lacks.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    # Ids of groups would occur several times on the page, and a style element would affect all of it.
    text = re.sub(r'<g id="[^"]*">', "<g>", re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL))
    text = (
        re.sub(r'\s(?:xmlns(?::\w+)?|width|height|version)="[^"]*"', "", text[: text.index(">")])
        + (text[text.index(">") :])
    )
    text = re.sub("|".join(_COLOURS), lambda found: _COLOURS[found[0]], text)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{title}"', 1))
