"""Quality: whether an answer that keeps its constraint also serves the question, by a judge.

Judged are the answers whose accuracy is as params want it. Of each row the best one is taken: by
accuracy, then score, then number. Without answers the rows stay unanswered; without a score nothing is
judged. Source: AutoIF, arXiv:2406.13542, section 3.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.autoif.exports import Pair
from evobuild.autoif.records import Answer, meets
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.prompts import render
from evobuild.core.tables import Instruction, Reject
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model
from evobuild.scoring.rate import read_score

MOST = 10
"""The best score."""


class Quality(NamedTuple):
    """What a judge gives an answer, 0 to 10; None if its reply gives nothing, and why, and the reply."""

    id: str
    row: str
    score: float | None
    reason: str
    reply: str


class Candidate(NamedTuple):
    """An answer with all that is known of it. score: None if it was not judged, or to no effect."""

    answer: Answer
    accuracy: float
    score: float | None


def judge(
    kept: Iterable[Answer], rows: Mapping[str, Instruction], model: Model, sampling: Sampling
) -> Iterator[Quality]:
    """Judge each answer, in any order."""
    by_id: dict[str, Answer] = {}

    def requests() -> Iterator[Request]:
        for each in kept:
            by_id[each.id] = each
            row = rows[each.row]
            text = render(
                "judge/quality.jinja", instruction=row.instruction, input=row.input, answer=each.answer
            )
            yield Request(each.id, "quality", (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        yield _quality(by_id.pop(reply.key), reply)


def _quality(answer: Answer, reply: Reply) -> Quality:
    if reason := failures.reply_failure(reply):
        return Quality(answer.id, answer.row, None, reason, reply.error or reply.text)
    score = read_score(reply.text, MOST)
    if score is None:
        return Quality(answer.id, answer.row, None, "unparsed score", reply.text)
    return Quality(answer.id, answer.row, score, "", "")


def candidates(
    answers: Iterable[Answer], accuracies: Mapping[str, float], judged: Iterable[Quality]
) -> dict[str, list[Candidate]]:
    """The answers to each row, by its id, in their order. accuracies: by the id of the answer."""
    scores = {each.id: each.score for each in judged}
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for each in sorted(answers, key=lambda answer: answer.number):
        found[each.row].append(Candidate(each, accuracies[each.id], scores.get(each.id)))
    return dict(found)


def result(
    row: Instruction,
    given: Sequence[Candidate],
    accuracy: str,
    score: str | None,
    responder: ChatModel | None,
) -> Instruction | Reject:
    """A row with the best of its answers, or a reject if none will do.

    accuracy, score: bounds, as params have them; score None: none was judged. responder: who answered;
    None if nobody did, and the row stays as it is.
    """
    if responder is None:
        return row
    if not given:
        return Reject(row.id, "no answer", "", "")
    kept = [each for each in given if meets(accuracy, each.accuracy)]
    if not kept:
        best = max(each.accuracy for each in given)
        detail = f"{len(given)} answers, the best accuracy {best:.2g}"
        return Reject(row.id, "no answer kept the constraint", detail, "")
    good = [each for each in kept if score is None or (each.score is not None and meets(score, each.score))]
    if not good:
        scores = ", ".join("none" if each.score is None else f"{each.score:g}" for each in kept)
        detail = f"{len(kept)} of {len(given)} answers kept it; scores {scores}"
        return Reject(row.id, "no answer of quality", detail, "")
    best_one = min(good, key=lambda each: (-each.accuracy, -(each.score or 0), each.answer.number))
    return row._replace(output=best_one.answer.answer, responder=str(responder))


def pairs(
    rows: Iterable[Instruction], given: Mapping[str, Sequence[Candidate]], refused: Container[str]
) -> list[Pair]:
    """A pair of each row that has a worse answer: the first that no function finds to keep the constraint.

    refused: ids of the answers of which a function says so; one that all functions failed on is not judged.
    """
    found = []
    for row in rows:
        worse = (each for each in given.get(row.id, ()) if each.accuracy == 0)
        failed = [each.answer.answer for each in worse if each.answer.id in refused]
        if failed and row.output not in failed:
            found.append(Pair(row, failed[0]))
    return found
