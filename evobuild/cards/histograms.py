"""Histograms of a card as PNG: the same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.cards.facts import LENGTHS, LEVELS, Facts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}
_COLOURS = ("#3b6ea8", "#c06c2e")


def draw_histograms(facts: Facts, folder: Path) -> dict[str, str]:
    """Draw what there is into a new folder; give each file's name with what it shows."""
    folder.mkdir()
    found = {"lengths.png": "Lengths of instructions and answers, in characters"}
    _save(folder / "lengths.png", lambda axes: _lengths(axes, facts))
    if facts.difficulty_bins:
        found["difficulty.png"] = "Difficulty by the judge, 0 to 100"
        _save(folder / "difficulty.png", lambda axes: _difficulty(axes, facts.difficulty_bins))
    return found


def _lengths(axes: Axes, facts: Facts) -> None:
    width = 0.4
    for place, (name, counts) in enumerate(facts.length_bins.items()):
        shifted = [number + (place - 0.5) * width for number in range(len(counts))]
        axes.bar(shifted, counts, width, color=_COLOURS[place], label=name)
    labels = [f"{edge:,}" for edge in LENGTHS[:-1]]
    axes.set_xticks([number - 0.5 for number in range(len(labels))], labels, rotation=45)
    axes.set(xlabel="characters, from", ylabel="rows")
    axes.legend(frameon=False)


def _difficulty(axes: Axes, counts: Sequence[int]) -> None:
    axes.bar(list(LEVELS)[:-1], counts, LEVELS.step * 0.9, align="edge", color=_COLOURS[0])
    axes.set(xlabel="difficulty, from", ylabel="rows", xlim=(0, 100))


def _save(path: Path, draw: Callable[[Axes], None]) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **_STYLE}):
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        draw(axes)
        # Without the version of matplotlib that it would note.
        figure.savefig(path, format="png", dpi=110, metadata={"Software": None})
