"""The results of the library's functions: named tables, which a notebook displays."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from evobuild.api.notebook_html import render_html
from evobuild.core.rejects import REJECTS


class Result(NamedTuple):
    """rejects: id, reason, detail and reply. unread: replies that do not parse, of rows that are kept."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    unread: pl.DataFrame = REJECTS.to_frame()

    def _repr_html_(self) -> str:
        return render_html(self)


class OptimizedMethod(NamedTuple):
    """An optimized method, its failure rates on development rows before and after, and tables of the
    steps.
    """

    method: str
    before: float
    after: float
    candidates: pl.DataFrame
    trajectories: pl.DataFrame
    failures: pl.DataFrame

    def _repr_html_(self) -> str:
        return render_html(self)


class Evaluated(NamedTuple):
    """Metrics with `error`, 95 % interval and number of `units`; replies with scores; items without a
    score.
    """

    figures: pl.DataFrame
    rows: pl.DataFrame
    rejects: pl.DataFrame

    def _repr_html_(self) -> str:
        return render_html(self)
