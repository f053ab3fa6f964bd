"""Quality: whether an answer that keeps its constraint also serves the question, by a judge.

Judged are the answers whose accuracy is as params want it. Of each row the best one is taken: by
accuracy, then score, then number. Without answers the rows stay unanswered; without a score nothing is
judged. Source: AutoIF, arXiv:2406.13542, section 3.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from evobuild.answering import failures
from evobuild.autoif.records import Answer, meets
from evobuild.core import tables
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.prompts import render
from evobuild.core.tables import INSTRUCTIONS, REJECTS, Instruction, PreferencePair, Reject, count_reasons
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


class BranchTables(NamedTuple):
    """The tables of the branch that say how good its answers are: INSTRUCTIONS, ANSWERS and CHECKS."""

    rows: pl.DataFrame
    answers: pl.DataFrame
    checks: pl.DataFrame


class Bounds(NamedTuple):
    """What an answer needs, as params have it; score None: none is judged."""

    accuracy: str
    score: str | None


class BranchPool(NamedTuple):
    """The rows with the best answer of each, the rejects, and a pair of answers where there is one.

    rows: INSTRUCTIONS. rejects: REJECTS.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    pairs: list[PreferencePair]


def answers_that_keep(branch: BranchTables, accuracy: str) -> list[Answer]:
    """Give the answers whose accuracy is as params want it."""
    accuracies = _accuracies(branch)
    return [answer for answer in _answers(branch) if meets(accuracy, accuracies[answer.id])]


def _answers(branch: BranchTables) -> Iterator[Answer]:
    return map(Answer._make, branch.answers.select(Answer._fields).iter_rows())


def _accuracies(branch: BranchTables) -> dict[str, float]:
    return dict(branch.checks.select("id", "accuracy").iter_rows())


def judge_answers(
    kept: Iterable[Answer], rows: Mapping[str, Instruction], model: Model, sampling: Sampling
) -> Iterator[Quality]:
    """Judge each answer, in any order. rows: those answered, by id."""
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
        return Quality(answer.id, answer.row, None, reason, reply.error or reply.kept)
    score = read_score(reply.text, MOST)
    if score is None:
        return Quality(answer.id, answer.row, None, "unparsed score", reply.text)
    return Quality(answer.id, answer.row, score, "", "")


def make_pool(
    branch: BranchTables, judged: Iterable[Quality], bounds: Bounds, responder: ChatModel | None
) -> BranchPool:
    """Take the best answer of each row, and a worse one beside it where code refuses one.

    responder: who answered; None if nobody did, and the rows stay as they are.
    """
    candidates = gather_candidates(_answers(branch), _accuracies(branch), judged)
    rows: list[Instruction] = []
    lost: list[Reject] = []
    for row in tables.instructions(branch.rows):
        chosen = choose_answer(row, candidates.get(row.id, []), bounds, responder)
        if isinstance(chosen, Reject):
            lost.append(chosen)
        else:
            rows.append(chosen)
    refused = branch.checks.filter(pl.col("verdicts").list.contains("false"))["id"]
    pairs = make_preference_pairs(rows, candidates, set(refused))
    return BranchPool(tables.frame(INSTRUCTIONS, rows), tables.frame(REJECTS, lost), pairs)


def gather_candidates(
    answers: Iterable[Answer], accuracies: Mapping[str, float], judged: Iterable[Quality]
) -> dict[str, list[Candidate]]:
    """Gather the answers to each row, by its id, in their order. accuracies: by the id of the answer."""
    scores = {each.id: each.score for each in judged}
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for each in sorted(answers, key=lambda answer: answer.number):
        found[each.row].append(Candidate(each, accuracies[each.id], scores.get(each.id)))
    return dict(found)


def choose_answer(
    row: Instruction, given: Sequence[Candidate], bounds: Bounds, responder: ChatModel | None
) -> Instruction | Reject:
    """Give a row with the best of its answers, or a reject if none will do.

    responder: as `make_pool` takes it.
    """
    if responder is None:
        return row
    if not given:
        return Reject(row.id, "no answer", "", "")
    kept = [each for each in given if meets(bounds.accuracy, each.accuracy)]
    if not kept:
        best = max(each.accuracy for each in given)
        detail = f"{len(given)} answers, the best accuracy {best:.2g}"
        return Reject(row.id, "no answer kept the constraint", detail, "")
    good = [each for each in kept if _is_good(each, bounds.score)]
    if not good:
        detail = f"{len(kept)} of {len(given)} answers kept it; scores {_list_scores(kept)}"
        return Reject(row.id, "no answer of quality", detail, "")
    best_one = min(good, key=lambda each: (-each.accuracy, -(each.score or 0), each.answer.number))
    answer = best_one.answer
    return row._replace(output=answer.answer, responder=str(responder), reasoning=answer.reasoning)


def _is_good(candidate: Candidate, bound: str | None) -> bool:
    return bound is None or (candidate.score is not None and meets(bound, candidate.score))


def _list_scores(candidates: Iterable[Candidate]) -> str:
    return ", ".join("none" if each.score is None else f"{each.score:g}" for each in candidates)


def make_preference_pairs(
    rows: Iterable[Instruction], given: Mapping[str, Sequence[Candidate]], refused: Container[str]
) -> list[PreferencePair]:
    """Pair each row with a worse answer: the first that no function finds to keep the constraint.

    refused: ids of the answers of which a function says so; one that all functions failed on is not judged.
    A row without a worse answer has no pair.
    """
    found = []
    for row in rows:
        worse = (each for each in given.get(row.id, ()) if each.accuracy == 0)
        failed = [each.answer.answer for each in worse if each.answer.id in refused]
        if failed and row.output not in failed:
            found.append(PreferencePair(row, failed[0]))
    return found


def quality_figures(judged: Sequence[Quality], pool: BranchPool) -> dict[str, Any]:
    """Count the answers judged, the replies without a score, and pairs.

    Instance: {"judged": 7, "unread": {"unparsed score": 1}, "pairs": 1, "no_pair": 1}
    """
    return {
        "judged": len(judged),
        "unread": count_reasons(each.reason for each in judged if each.reason),
        "pairs": len(pool.pairs),
        "no_pair": pool.rows.height - len(pool.pairs),
    }
