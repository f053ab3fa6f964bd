"""What became of rows after they were evolved: answered, rated, scored, selected, or lost and why.

Names of pools come from params, so the tables of a removed one stay unread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild import pools as pool_stages
from evobuild.frame import tables
from evobuild.frame.tables import INSTRUCTIONS, RATINGS, REJECTS, SCORES

SELECTED = "selected"
NOT_UP = "not up for selection"
"""What a row is called that no stage lost and that was not selected either: its pool is not chosen from."""


class Tables(NamedTuple):
    """Where rows lie: folders with one table a round or pool, then the data set."""

    rounds: Path = Path("data/rounds")
    responses: Path = Path("data/responses")
    ratings: Path = Path("data/ratings")
    scores: Path = Path("data/scores")
    rejects: Path = Path("data/rejects")
    failures: Path = Path("data/failures")
    dataset: Path = Path("data/dataset.parquet")


class Loss(NamedTuple):
    """Where a row was lost, and why."""

    stage: str
    reason: str
    detail: str
    reply: str


class Fate(NamedTuple):
    """What became of one row. answer and rating are None, and scores empty, where there are none.

    responder: URI of the model that answered, '' if the answer came with the seed. rating: level and
    difficulty, 0 to 100, each None if it was not asked for.
    """

    answer: str | None
    responder: str
    rating: tuple[str | None, float | None] | None
    scores: Mapping[str, float]
    selected: bool
    losses: tuple[Loss, ...]

    @property
    def outcomes(self) -> tuple[str, ...]:
        """In words that can be counted: "selected", "respond: stagnant complexity"; at least one."""
        found = [f"{loss.stage}: {loss.reason}" for loss in self.losses]
        return (*([SELECTED] if self.selected else []), *found) or (NOT_UP,)


Reader = Callable[[Path, pl.Schema], pl.DataFrame]


def of(
    ids: Collection[str], pools: Sequence[str], where: Tables, read: Reader = tables.read
) -> dict[str, Fate]:
    """Look up what became of some rows.

    Raises BadInput if a table is missing or not as it should be, as `read` does.
    """

    def some(path: Path, schema: pl.Schema, *columns: str) -> pl.DataFrame:
        return read(path, schema).filter(pl.col("id").is_in(list(ids))).select("id", *columns)

    answers: dict[str, tuple[str | None, str]] = {}
    ratings: dict[str, tuple[str | None, float | None]] = {}
    scores: dict[str, dict[str, float]] = {}
    for pool in pools:
        for key, answer, model in some(
            where.responses / f"{pool}.parquet", INSTRUCTIONS, "output", "model"
        ).iter_rows():
            answers[key] = answer, model
        for key, level, score in some(
            where.ratings / f"{pool}.parquet", RATINGS, "level", "score"
        ).iter_rows():
            ratings[key] = level, score
        measured = some(where.scores / f"{pool}.parquet", SCORES, *list(SCORES)[1:])
        scores |= {row.pop("id"): row for row in measured.to_dicts()}
    losses: defaultdict[str, list[Loss]] = defaultdict(list)
    for stem in [*pool_stages.stems(pools), "select", "finetune"]:
        for key, *why in some(where.rejects / f"{stem}.parquet", REJECTS, *list(REJECTS)[1:]).iter_rows():
            if not (losses[key] and why[0] == pool_stages.NOT_ANSWERED):
                losses[key].append(Loss(stem.partition("-")[0], *why))
    selected = set(some(where.dataset, INSTRUCTIONS)["id"])
    found = {}
    for key in ids:
        answer, responder = answers.get(key, (None, ""))
        given = ratings.get(key), scores.get(key, {}), key in selected, tuple(losses[key])
        found[key] = Fate(answer, responder, *given)
    return found
