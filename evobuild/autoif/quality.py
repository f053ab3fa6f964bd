"""Quality: whether an answer that keeps its constraint also serves the question, by a judge.

Judged are the answers whose accuracy is as params want it. Of each row the best one is taken: by
accuracy, then score, then number. Without answers the rows stay unanswered; without a score nothing is
judged. Source: AutoIF, arXiv:2406.13542, section 3.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.answering import failures
from evobuild.autoif.candidates import Branch, Candidate
from evobuild.autoif.records import QUALITIES, Answer
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.instructions import Instruction, PreferencePair
from evobuild.core.params import meets_bound
from evobuild.core.prompts import render_prompt
from evobuild.core.rejects import Reject, sort_reasons
from evobuild.core.results import Results
from evobuild.core.table_writer import TableWriter
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


class Bounds(NamedTuple):
    """What an answer needs, as params have it; score None: none is judged."""

    accuracy: str
    score: str | None


class Judging(NamedTuple):
    """Who judges, and how. task: what its progress is called."""

    judge: ChatModel
    sampling: Sampling
    task: str


def judge_branch(
    branch: Branch, accuracy: str, judging: Judging | None, qualities: Path
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Judge the answers that keep their constraint, and have the branch know their scores.

    judging: None to judge none. qualities: where a table of QUALITIES goes.

    Gives counts, {"judged": 7, "unread": {"unparsed score": 1}}, and what was asked of the judge.
    """
    table, unread = TableWriter(qualities, QUALITIES), Counter[str]()
    asked: list[dict[str, Any]] = []
    if judging and (kept := branch.count_kept(accuracy)):
        with Model(judging.judge, "judge", judging.task, kept) as model:
            for each in _judge(_iterate_kept_answers(branch, accuracy), model, judging.sampling):
                table.append(each)
                unread.update(filter(None, [each.reason]))
            asked.append(model.usage.asked())
    table.write()
    branch.attach_scores(qualities)
    return {"judged": table.height, "unread": sort_reasons(unread)}, asked


def _iterate_kept_answers(branch: Branch, accuracy: str) -> Iterator[tuple[Instruction, Answer]]:
    for row, candidates in branch.iterate_rows():
        for each in candidates:
            if meets_bound(accuracy, each.accuracy):
                yield row, each.answer


def _judge(kept: Iterable[tuple[Instruction, Answer]], model: Model, sampling: Sampling) -> Iterator[Quality]:
    """Judge each answer, given with its row, in any order."""
    asked: dict[str, Answer] = {}

    def requests() -> Iterator[Request]:
        for row, answer in kept:
            asked[answer.id] = answer
            given = {"instruction": row.instruction, "input": row.input, "answer": answer.answer}
            text = render_prompt("judge/quality.jinja", **given)
            yield Request(answer.id, "quality", (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        yield _quality(asked.pop(reply.key), reply)


def _quality(answer: Answer, reply: Reply) -> Quality:
    if reason := failures.find_reply_failure(reply):
        return Quality(answer.id, answer.row, None, reason, reply.error or reply.kept)
    score = read_score(reply.text, MOST)
    if score is None:
        return Quality(answer.id, answer.row, None, "unparsed score", reply.text)
    return Quality(answer.id, answer.row, score, "", "")


def make_pool(
    rows: Iterable[tuple[Instruction, Sequence[Candidate]]],
    bounds: Bounds,
    responder: ChatModel | None,
    pool: Results,
    pairs: TableWriter,
) -> dict[str, int]:
    """Take the best answer of each row, and a worse one beside it where code refuses one.

    responder: who answered; None if nobody did, and the rows stay as they are. pairs: of PREFERENCES.

    Counts the rows of the pool with a pair and without: {"pairs": 1, "no_pair": 1}.
    """
    without = 0
    for row, candidates in rows:
        chosen = choose_answer(row, candidates, bounds, responder)
        pool.add([chosen])
        if isinstance(chosen, Reject):
            continue
        if pair := find_preference_pair(chosen, candidates):
            pairs.append((*pair.row, pair.rejected))
        else:
            without += 1
    return {"pairs": pairs.height, "no_pair": without}


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
    kept = [each for each in given if meets_bound(bounds.accuracy, each.accuracy)]
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
    return bound is None or (candidate.score is not None and meets_bound(bound, candidate.score))


def _list_scores(candidates: Iterable[Candidate]) -> str:
    return ", ".join("none" if each.score is None else f"{each.score:g}" for each in candidates)


def find_preference_pair(row: Instruction, given: Iterable[Candidate]) -> PreferencePair | None:
    """Pair a row with a worse answer: the first that no function finds to keep the constraint.

    One that all functions failed on is not judged. None if the row has no worse answer.
    """
    failed = [each.answer.answer for each in given if each.accuracy == 0 and each.refused]
    return PreferencePair(row, failed[0]) if failed and row.output not in failed else None
