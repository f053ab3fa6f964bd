"""Difficulty by a judge: a level from very easy to very hard, and a score from 0 to 100.

One call per row and measure. A row of which one can be read is rated, and what could not be read of it is
kept apart; a row of which none can is a reject. Both are counted, so that each denominator is known.
Source: Hui et al. 2024, arXiv:2412.11231, section 3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core import tables
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.instructions import Instruction
from evobuild.core.measures import LEVELS, measure_of
from evobuild.core.rejects import REJECTS, Reject
from evobuild.core.results import Results, leave_empty
from evobuild.core.table_writer import TableWriter
from evobuild.models.client import Model
from evobuild.scoring.params import Measure, ScorePrompt
from evobuild.scoring.rating_prompts import KINDS, prompts_sent
from evobuild.scoring.reply_values import read_choice, read_number

_LEVEL_KEYS = ("difficulty", "difficulty level", "level", "rating")
_SCORE_KEYS = ("score", "difficulty score", "rating", "difficulty")


class Rating(NamedTuple):
    """How difficult a judge finds an instruction; score 0 to 100. None: not asked for, or not to be read.

    unread: the measure that could not be read, as its detail, with reason and reply; None if none was.
    """

    id: str
    level: str | None
    score: float | None
    unread: Reject | None = None


def read_level(text: str) -> str | None:
    """Read the level: that of a JSON object, else the last labelled one, else the only one that is named.

    Instances: '{"difficulty": "Very_Hard"}' -> "very hard"; "easy or medium" -> None: it is unclear.
    """
    return read_choice(text, LEVELS, _LEVEL_KEYS)


def read_score(text: str, most: int = 100) -> float | None:
    """Read the score: of a JSON object, else the last labelled number, else the only one of 100 or the whole.

    most: the end of the scale, which begins at 0, in place of 100.

    Instances: "Score: 70", "**70/100**" and '{"score": 70}' -> 70.0; "somewhere from 60 to 70" -> None.
    """
    return read_number(text, 0, most, _SCORE_KEYS)


def rate_rows(
    rows: Iterable[Instruction],
    model: Model,
    sampling: Sampling,
    measures: Collection[Measure],
    score_prompt: ScorePrompt = "reasoned",
) -> Iterator[Rating | Reject]:
    """Rate each row by one measure or both; every row gives one rating or one reject, in any order."""
    asked = sum(measure in measures for measure in KINDS)
    replies: dict[str, dict[str, Reply]] = {}

    def requests() -> Iterator[Request]:
        for row in rows:
            replies[row.id] = {}
            for kind, _, text in prompts_sent(row, measures, score_prompt):
                yield Request(f"{row.id}/{kind}", kind, (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        key, _, kind = reply.key.partition("/")
        replies[key][kind] = reply
        if len(replies[key]) == asked:
            own = replies.pop(key)
            yield _rating(key, {name: own[kind] for name, kind in KINDS.items() if kind in own})


def _rating(key: str, replies: Mapping[Measure, Reply]) -> Rating | Reject:
    failed = {measure: failures.reply_failure(reply) for measure, reply in replies.items()}
    texts = {measure: reply.text for measure, reply in replies.items() if not failed[measure]}
    level = read_level(texts["level"]) if "level" in texts else None
    score = read_score(texts["score"]) if "score" in texts else None
    found = {"level": level, "score": score}
    unread = [
        Reject(key, failed[measure] or f"unparsed {measure}", measure, reply.error or reply.kept)
        for measure, reply in replies.items()
        if found[measure] is None
    ]
    return _lost(unread) if len(unread) == len(replies) else Rating(key, level, score, *unread)


def _lost(unread: Sequence[Reject]) -> Reject:
    """The reject of a row of which nothing could be read: by the first reason; the detail has all of them."""
    detail = ", ".join(f"{each.detail}: {each.reason}" for each in unread)
    return unread[0]._replace(detail=detail, reply="\n\n".join(each.reply for each in unread if each.reply))


class RatingOuts(NamedTuple):
    """The files of a pool's ratings; unread: of rated rows, the replies that could not be read."""

    ratings: Path
    unread: Path
    rejects: Path
    counts: Path


class RatingTables:
    """What comes of the rows of a pool, written row by row."""

    def __init__(self, measures: Collection[Measure], outs: RatingOuts) -> None:
        self._results = Results(
            measure_of("rate").schema, out=outs.ratings, rejects=outs.rejects, is_needed=False
        )
        self._unread = TableWriter(outs.unread, REJECTS)
        self._file = outs.counts
        self._counts = {str(measure): 0 for measure in measures}

    def add(self, results: Iterable[Rating | Reject]) -> None:
        """Take ratings and rejects."""
        for result in results:
            if isinstance(result, Reject):
                self._results.add([result])
                self._counts = {measure: count + 1 for measure, count in self._counts.items()}
                continue
            self._results.add([result[:-1]])
            if result.unread:
                self._unread.append(result.unread)
                self._counts[result.unread.detail] += 1

    def write(self, rows_in: int, asked: Mapping[str, object]) -> None:
        """Write the tables, and the counts with what was asked and how often each measure was not read."""
        self._unread.write()
        self._results.write(rows_in, self._file, unread=self._counts, asked=[asked])


def leave_unrated(outs: RatingOuts) -> None:
    """Write what there is of a pool that is not rated."""
    tables.write(outs.unread, REJECTS.to_frame())
    leave_empty(measure_of("rate").schema, out=outs.ratings, rejects=outs.rejects, counts=outs.counts)
