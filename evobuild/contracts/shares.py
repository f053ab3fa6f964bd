"""Build tables of shares: of each pool in the dataset, and of each reject reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from evobuild.core.reasons import BELOW_THE_CUT, EXCLUDED, NOT_ANSWERED, NOT_DRAWN, TOO_NEAR, reasons_of
from evobuild.core.stages import file_stem

CHOSEN = frozenset({BELOW_THE_CUT, EXCLUDED, NOT_DRAWN, TOO_NEAR})
"""Reasons by which params leave rows out that nothing is wrong with."""
SEEN_BEFORE = frozenset({NOT_ANSWERED})
"""Reasons that only repeat a reject of an earlier stage."""
_POOLS = pl.Schema(
    {"id": pl.String(), "rows": pl.Int64(), "answered": pl.Int64(), "chosen": pl.Int64(),
     "answered_share": pl.Float64(), "chosen_share": pl.Float64(), "share": pl.Float64()}
)  # fmt: skip
_REJECTS = pl.Schema(
    {"id": pl.String(), "stage": pl.String(), "name": pl.String(), "reason": pl.String(), "rows": pl.Int64(),
     "share": pl.Float64(), "lost_share": pl.Float64(), "is_known": pl.Boolean()}
)  # fmt: skip


class Lost(NamedTuple):
    """The rows that a run of a stage lost, by reason. name: of its round or pool, '' if it takes all."""

    stage: str
    name: str
    rows_in: int
    counts: dict[str, int]


def pool_shares(names: Iterable[str], rounds: dict[str, int], responses: dict[str, int],
                dataset: dict[str, int]) -> pl.DataFrame:  # fmt: skip
    """Rows of each pool, as made, answered and chosen, and its share of the data set. id: the pool."""
    whole = sum(dataset.values())
    found = []
    for name in names:
        made, answered, chosen = (rows.get(name, 0) for rows in (rounds, responses, dataset))
        shares = _share(answered, made), _share(chosen, made), _share(chosen, whole)
        found.append((name, made, answered, chosen, *shares))
    return pl.DataFrame(found, _POOLS, orient="row")


def reject_shares(lost: Iterable[Lost]) -> pl.DataFrame:
    """What each reason took of what came in. id: "respond-r1: empty".

    lost_share: the same, but null where params alone left the rows out, or an earlier stage lost them.
    """
    found = []
    for each in lost:
        for reason, count in sorted(each.counts.items()):
            share = _share(count, each.rows_in)
            is_loss = reason not in CHOSEN | SEEN_BEFORE
            known = reason in reasons_of(each.stage)
            name = f"{file_stem(each.stage, each.name)}: {reason}"
            found.append(
                (name, each.stage, each.name, reason, count, share, share if is_loss else None, known)
            )
    return pl.DataFrame(found, _REJECTS, orient="row")


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
