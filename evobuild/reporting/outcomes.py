"""What became of rows after they were evolved: answered, rated, measured, selected, or lost and why.

Names of pools and of evaluation sets come from params, so the tables of a removed one stay unread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import pools as pool_stages
from evobuild.core import tables
from evobuild.core.params import Params
from evobuild.core.tables import (
    CONTAMINATION,
    DIVERSITY,
    INSTRUCTIONS,
    RATINGS,
    REJECTS,
    REWARDS,
    SCORES,
    TAGS,
)

SELECTED = "selected"
NOT_UP = "not up for selection"
"""What a row is called that no stage lost and that was not selected either: its pool is not chosen from."""


class Tables(NamedTuple):
    """Where rows lie: folders with one table a round, pool or evaluation set, then the data set."""

    rounds: Path = Path("data/rounds")
    responses: Path = Path("data/responses")
    ratings: Path = Path("data/ratings")
    scores: Path = Path("data/scores")
    diversity: Path = Path("data/diversity")
    rewards: Path = Path("data/rewards")
    tags: Path = Path("data/tags")
    contamination: Path = Path("data/contamination")
    rejects: Path = Path("data/rejects")
    failures: Path = Path("data/failures")
    dataset: Path = Path("data/dataset.parquet")


class Loss(NamedTuple):
    """Where a row was lost, and why."""

    stage: str
    reason: str
    detail: str
    reply: str


class Neighbour(NamedTuple):
    """The nearest other instruction of a row's pool; distance as diversity.distance of params says."""

    id: str
    distance: float


class Overlap(NamedTuple):
    """What a row shares with a row of an evaluation set.

    place: where that stands in its file. measure: 13-gram, or embedding. shared: the text, normalised;
    of embeddings their cosine.
    """

    set: str
    place: str
    measure: str
    shared: str


class Fate(NamedTuple):
    """What became of one row. What was not measured of it is None; scores are then empty.

    answer: None if there is none. responder: URI of the model that answered, '' if the answer came with
    the seed. rating: level and difficulty, 0 to 100, each None if it was not asked for. overlaps: () if
    it was held against the evaluation sets and shares nothing, None if there are none.
    """

    answer: str | None
    responder: str
    rating: tuple[str | None, float | None] | None
    scores: Mapping[str, float]
    neighbour: Neighbour | None
    reward: float | None
    tags: tuple[str, ...] | None
    overlaps: tuple[Overlap, ...] | None
    selected: bool
    losses: tuple[Loss, ...]

    @property
    def outcomes(self) -> tuple[str, ...]:
        """In words that can be counted: "selected", "respond: stagnant complexity"; at least one."""
        found = [f"{loss.stage}: {loss.reason}" for loss in self.losses]
        return (*([SELECTED] if self.selected else []), *found) or (NOT_UP,)


Reader = Callable[[Path, pl.Schema], pl.DataFrame]
_Rows = Iterator[tuple[Any, ...]]


def of(ids: Collection[str], params: Params, where: Tables, read: Reader = tables.read) -> dict[str, Fate]:
    """Look up what became of some rows.

    Raises BadInput if a table is missing or not as it should be, as `read` does.
    """
    wanted = list(ids)

    def some(path: Path, schema: pl.Schema, key: str, *columns: str) -> _Rows:
        return read(path, schema).filter(pl.col(key).is_in(wanted)).select(key, *columns).iter_rows()

    def pools(folder: Path, schema: pl.Schema, *columns: str) -> _Rows:
        for pool in params.pools:
            yield from some(folder / f"{pool}.parquet", schema, "id", *columns)

    answers = {key: rest for key, *rest in pools(where.responses, INSTRUCTIONS, "output", "responder")}
    ratings = {key: (level, score) for key, level, score in pools(where.ratings, RATINGS, "level", "score")}
    names = list(SCORES)[1:]
    scores = {key: dict(zip(names, rest, strict=True)) for key, *rest in pools(where.scores, SCORES, *names)}
    near = {key: Neighbour(*rest) for key, *rest in pools(where.diversity, DIVERSITY, *list(DIVERSITY)[1:])}
    rewards = {key: reward for key, reward in pools(where.rewards, REWARDS, "reward")}
    tags = {key: tuple(own) for key, own in pools(where.tags, TAGS, "tags")}
    overlaps = _overlaps(params, where, some)
    losses = _losses(params, where, some)
    selected = {key for (key,) in some(where.dataset, INSTRUCTIONS, "id")}
    found = {}
    for key in ids:
        answer, responder = answers.get(key, (None, ""))
        compared = key in overlaps or (answer is not None and params.decontaminate.sets)
        found[key] = Fate(
            answer, responder, ratings.get(key), scores.get(key, {}), near.get(key), rewards.get(key),
            tags.get(key), tuple(overlaps.get(key, ())) if compared else None,
            key in selected, tuple(losses.get(key, ())),
        )  # fmt: skip
    return found


def _overlaps(params: Params, where: Tables, some: Callable[..., _Rows]) -> dict[str, list[Overlap]]:
    found: defaultdict[str, list[Overlap]] = defaultdict(list)
    for name in params.decontaminate.sets:
        path = where.contamination / f"{name}.parquet"
        for key, *rest in some(path, CONTAMINATION, "row", "set", "place", "measure", "overlap"):
            found[key].append(Overlap(*rest))
    return found


def _losses(params: Params, where: Tables, some: Callable[..., _Rows]) -> dict[str, list[Loss]]:
    found: defaultdict[str, list[Loss]] = defaultdict(list)
    for stem in [*pool_stages.stems(params.pools), "select", "finetune"]:
        for key, *why in some(where.rejects / f"{stem}.parquet", REJECTS, *REJECTS):
            if not (found[key] and why[0] == pool_stages.NOT_ANSWERED):
                found[key].append(Loss(stem.partition("-")[0], *why))
    return found
