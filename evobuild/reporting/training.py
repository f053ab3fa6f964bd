"""Read the training curve of each base for the report.

A curve is metrics/training/<base>.csv: step, loss in nats per answer token, and, where it was measured,
held_out_loss. Bases come from params, so the figures of a removed one stay unread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.csv_files import read_csv
from evobuild.core.uri import Weights
from evobuild.reporting.params import ReportParams

Point = dict[str, float | None]
"""A step of a curve: step, loss, held_out_loss; None where it was not measured."""


class TrainedBase(NamedTuple):
    """A base with its curve."""

    model: Weights
    curve: list[Point]

    @property
    def held_out_losses(self) -> tuple[float, float] | None:
        """The loss on held-out rows before and after training; None where it was not measured."""
        return find_held_out_losses(self.curve)


def read_trained_bases(params: ReportParams, curves: Path) -> dict[str, TrainedBase]:
    """What was learnt from each base, by its name. Raises BadInput naming a file that is not right."""
    return {
        name: TrainedBase(base.model, read_curve(curves / f"{name}.csv"))
        for name, base in params.bases.items()
    }


def read_curve(path: Path) -> list[Point]:
    """Read a training curve. Raises BadInput naming the file if it is malformed."""
    columns: dict[str, Callable[[str], Any]] = {
        "step": float,
        "loss": _parse_loss,
        "held_out_loss": _parse_loss,
    }
    return read_csv(path, columns, optional=("held_out_loss",))


def find_held_out_losses(curve: Iterable[Point]) -> tuple[float, float] | None:
    """Find the first and the last loss on held-out rows in a curve."""
    losses = [loss for point in curve if (loss := point.get("held_out_loss")) is not None]
    return (losses[0], losses[-1]) if losses else None


def _parse_loss(text: str) -> float | None:
    return float(text) if text else None
