"""What a stage does that lost all its rows: it fails, or warns, with the commonest reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core import tables
from evobuild.core.errors import NothingLeft
from evobuild.core.reasons import commonest_reasons
from evobuild.core.rejects import REJECTS
from evobuild.process.terminal import log

DETAIL = 140
"""Characters of a detail that an error shows."""


def refuse_empty(what: str, counts: dict[str, Any], rejects: Path | None = None) -> None:
    """Raise NothingLeft with the commonest reasons and details if nothing came out.

    rejects: the table of them, which is written and stays.
    """
    if not counts["out"]:
        details = commonest_details(rejects) if rejects else ""
        said = _none_left(what, counts) + (f"\nmostly: {details}" if details else "")
        raise NothingLeft(said, rejects, set(counts["rejects"]) != {"model error"})


def refuse_if_all_rejected(what: str, counts: dict[str, Any], rejects: Path | None = None) -> None:
    """As `refuse_empty`, but nothing may come of nothing, as in a pool that is empty."""
    if counts["in"]:
        refuse_empty(what, counts, rejects)


def warn_if_all_rejected(what: str, counts: dict[str, Any], rejects: Path | None = None) -> None:
    """Say with the commonest reasons that all that came in was lost, where the line goes on without it."""
    if counts["in"] and not counts["out"]:
        log(f"warning: {_none_left(what, counts)}; the line goes on without them")


def commonest_details(rejects: Path, most: int = 3) -> str:
    """Say the commonest details of a table of rejects: "bad request: 400 no such field (7), …"."""
    said = tables.scan(rejects, REJECTS, ["detail"]).filter(pl.col("detail") != "").group_by("detail").len()
    ranked = tables.collect(rejects, said.sort("len", "detail", descending=[True, False]).head(most))
    return ", ".join(
        f"{' '.join(detail.split())[:DETAIL]} ({count:,})" for detail, count in ranked.iter_rows()
    )


def _none_left(what: str, counts: dict[str, Any]) -> str:
    reasons = commonest_reasons(counts["rejects"])
    return f"{what} and none is left; the commonest reasons: {reasons or 'there was none to begin with'}"
