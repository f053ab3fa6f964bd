"""Rate difficulty by a judge: a level from very easy to very hard, and a score from 0 to 100.

The judge is called once per row and measurement. A row is rated if one reply is parsed; its unparsed replies
go to a table of their own. A row without a parsed reply is rejected. Both are counted, so that each
denominator is known. Source: Hui et al. 2024, arXiv:2412.11231, section 3.
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
from evobuild.scoring.rating_prompts import KINDS, render_rating_prompts
from evobuild.scoring.reply_values import read_choice, read_number

_LEVEL_KEYS = ("difficulty", "difficulty level", "level", "rating")
_SCORE_KEYS = ("score", "difficulty score", "rating", "difficulty")


class Rating(NamedTuple):
    """A judge's rating of an instruction; score 0 to 100. None: not requested, or not parsed.

    unread: the unparsed measurement, with its name as detail; None if all were parsed.
    """

    id: str
    level: str | None
    score: float | None
    unread: Reject | None = None


def read_level(text: str) -> str | None:
    """Parse the level: of a JSON object, else the last labelled one, else the only level in the text.

    Examples: '{"difficulty": "Very_Hard"}' -> "very hard"; "easy or medium" -> None.
    """
    return read_choice(text, LEVELS, _LEVEL_KEYS)


def read_score(text: str, most: int = 100) -> float | None:
    """Parse the score: of a JSON object, else the last labelled number, else the only "x/100" or the whole
    text.

    most: the end of the scale, which begins at 0, in place of 100.

    Examples: "Score: 70", "**70/100**" and '{"score": 70}' -> 70.0; "somewhere from 60 to 70" -> None.
    """
    return read_number(text, 0, most, _SCORE_KEYS)


def rate_rows(
    rows: Iterable[Instruction],
    model: Model,
    sampling: Sampling,
    measures: Collection[Measure],
    score_prompt: ScorePrompt = "reasoned",
) -> Iterator[Rating | Reject]:
    """Rate each row by one measurement or both; yield one rating or one reject per row, in any order."""
    asked = sum(measure in measures for measure in KINDS)
    replies: dict[str, dict[str, Reply]] = {}

    def requests() -> Iterator[Request]:
        for row in rows:
            replies[row.id] = {}
            for kind, _, text in render_rating_prompts(row, measures, score_prompt):
                yield Request(f"{row.id}/{kind}", kind, (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        key, _, kind = reply.key.partition("/")
        replies[key][kind] = reply
        if len(replies[key]) == asked:
            own = replies.pop(key)
            yield _build_rating(key, {name: own[kind] for name, kind in KINDS.items() if kind in own})


def _build_rating(key: str, replies: Mapping[Measure, Reply]) -> Rating | Reject:
    failed = {measure: failures.find_reply_failure(reply) for measure, reply in replies.items()}
    texts = {measure: reply.text for measure, reply in replies.items() if not failed[measure]}
    level = read_level(texts["level"]) if "level" in texts else None
    score = read_score(texts["score"]) if "score" in texts else None
    found = {"level": level, "score": score}
    unread = [
        Reject(key, failed[measure] or f"unparsed {measure}", measure, reply.error or reply.kept)
        for measure, reply in replies.items()
        if found[measure] is None
    ]
    return _merge_rejects(unread) if len(unread) == len(replies) else Rating(key, level, score, *unread)


def _merge_rejects(unread: Sequence[Reject]) -> Reject:
    """Merge the rejects of a row without any parsed reply: the first reason, all details."""
    detail = ", ".join(f"{each.detail}: {each.reason}" for each in unread)
    return unread[0]._replace(detail=detail, reply="\n\n".join(each.reply for each in unread if each.reply))


class RatingOuts(NamedTuple):
    """Output files of a pool's ratings; unread: unparsed replies of rated rows."""

    ratings: Path
    unread: Path
    rejects: Path
    counts: Path


class RatingTables:
    """Write the results of a pool, row by row."""

    def __init__(self, measures: Collection[Measure], outs: RatingOuts) -> None:
        self._results = Results(
            measure_of("rate").schema, out=outs.ratings, rejects=outs.rejects, is_needed=False
        )
        self._unread = TableWriter(outs.unread, REJECTS)
        self._file = outs.counts
        self._counts = {str(measure): 0 for measure in measures}

    def add(self, results: Iterable[Rating | Reject]) -> None:
        """Add ratings and rejects."""
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
        """Write the tables, and the counts with usage and the unparsed replies of each measurement."""
        self._unread.write()
        self._results.write(rows_in, self._file, unread=self._counts, asked=[asked])


def write_unrated(outs: RatingOuts) -> None:
    """Write empty tables for a pool that is not rated."""
    tables.write(outs.unread, REJECTS.to_frame())
    leave_empty(measure_of("rate").schema, out=outs.ratings, rejects=outs.rejects, counts=outs.counts)
