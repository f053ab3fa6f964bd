"""Difficulty by a judge: a level from very easy to very hard, and a score from 0 to 100.

One call per row and measure. A row of which one can be read is rated, and what could not be read of it is
kept apart; a row of which none can is a reject. Both are counted, so that each denominator is known.
Source: Hui et al. 2024, arXiv:2412.11231, section 3.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core import tables
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.instructions import Instruction
from evobuild.core.measures import measure_of
from evobuild.core.rejects import REJECTS, Reject
from evobuild.core.results import Results, leave_empty
from evobuild.core.table_writer import TableWriter
from evobuild.models.client import Model
from evobuild.scoring.params import Measure, ScorePrompt
from evobuild.scoring.rating_prompts import KINDS, prompts_sent
from evobuild.text import json_replies

_LEVEL = r"(very[ _-]easy|very[ _-]hard|easy|medium|hard)\b"
# What is taken is never given back, so that each sign is read once, however many there are.
_SIGNS = r"[\s\"'*_`:：=<(\[]*+(?:(?<=\s)[-–—]\s[\s\"'*_`<(\[]*+)?"
_NAMED_LEVEL = re.compile(r"(?<!not )(?<!n't )(?<!not very )(?<!n't very )\b" + _LEVEL, re.IGNORECASE)
_LABELLED_LEVEL = re.compile(
    rf"\b(?:difficulty(?:[ _]level)?|level|rating){_SIGNS}(?:is\s++)?{_SIGNS}{_LEVEL}"
    # Two levels are a range and no reading.
    r"(?!\W{0,3}(?:-|–|/|to|or)\W{0,3}(?:very[ _-])?(?:easy|medium|hard)\b)",
    re.IGNORECASE,
)
_VALUE = r"(?<![\d.,-])(\d{1,3}(?:\.\d+)?)(?!\d|[.,]\d)"
_NUMBER = re.compile(r"[\s*_`\"']*+(\d{1,3}(?:\.\d+)?)[\s*_`\"'.%]*")
_LEVEL_KEYS = ("difficulty", "difficulty level", "level", "rating")
_SCORE_KEYS = ("score", "difficulty score", "rating", "difficulty")


@cache
def _scores(most: int) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What finds a labelled number, and one of the most that there is."""
    # Neither the first end of a range nor a number on another scale.
    whole = rf"(?![ \t]*+(?:-|–|to\b|or\b)[ \t]*+\d)(?!\W{{0,3}}(?:/|out of)\s*+(?!{most}\b)\d)"
    label = rf"\b(?:score|rating)(?:\s*+\([^()]*+\))?{_SIGNS}(?:(?:is|of)\s++)?{_SIGNS}"
    of_most = rf"{_VALUE}[*_`]*+\s*+(?:/|out of)\s*+{most}\b"
    return re.compile(f"{label}{_VALUE}{whole}", re.IGNORECASE), re.compile(of_most, re.IGNORECASE)


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
    if (given := _of_object(text, _LEVEL_KEYS)) is not None:
        text = given
    labelled = _LABELLED_LEVEL.findall(text)
    found = labelled or _NAMED_LEVEL.findall(text)
    levels = {re.sub(r"[ _-]+", " ", level.casefold()) for level in (found[-1:] if labelled else found)}
    return levels.pop() if len(levels) == 1 else None


def read_score(text: str, most: int = 100) -> float | None:
    """Read the score: of a JSON object, else the last labelled number, else the only one of 100 or the whole.

    most: the end of the scale, which begins at 0, in place of 100.

    Instances: "Score: 70", "**70/100**" and '{"score": 70}' -> 70.0; "somewhere from 60 to 70" -> None.
    """
    if (given := _of_object(text, _SCORE_KEYS)) is not None:
        text = given
    labelled, of_most = _scores(most)
    alone = _NUMBER.fullmatch(text)
    found = labelled.findall(text)[-1:] or of_most.findall(text) or ([alone[1]] if alone else [])
    return float(found[0]) if len(found) == 1 and 0 <= float(found[0]) <= most else None


def _of_object(text: str, keys: Sequence[str]) -> str | None:
    """What the last JSON object with one of the keys has under the first of them; None if there is none.

    Keys count in any case, with blanks, '_' or '-' between their words. true is no number.
    """
    for value in reversed(list(json_replies.find_json_values(text)) if "{" in text else []):
        if isinstance(value, dict):
            plain = {re.sub(r"[ _-]+", " ", key.casefold()): item for key, item in value.items()}
            if found := [plain[key] for key in keys if key in plain]:
                return _plain(found[0])
    return None


def _plain(value: object) -> str:
    """A value as text, '' if it is nested too deeply to be any."""
    try:
        return str(value)
    except RecursionError:
        return ""


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

    def take(self, results: Iterable[Rating | Reject]) -> None:
        """Take ratings and rejects."""
        for result in results:
            if isinstance(result, Reject):
                self._results.take([result])
                self._counts = {measure: count + 1 for measure, count in self._counts.items()}
                continue
            self._results.take([result[:-1]])
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
