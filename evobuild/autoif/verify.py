"""Checks: all functions of its constraint run on each answer, in the sandbox.

A function has one sandbox a row, with all answers to the row as its cases, so what one answer does to
it the later ones may feel: they are "unreached" if it ended there. A function that gives no verdict has
not found the constraint kept. Source: execution feedback of AutoIF, arXiv:2406.13542, section 3.3.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from evobuild import sandbox
from evobuild.autoif import booleans
from evobuild.autoif.records import FUNCTION, Answer, constraint_operation, meets
from evobuild.autoif.verified import Function, Verified
from evobuild.core.errors import BadInput
from evobuild.core.progress import metered
from evobuild.core.tables import Instruction, Reject
from evobuild.sandbox import Isolation, Job, Outcome
from evobuild.sandbox.params import Limits

VERDICTS = {True: "true", False: "false"}


class Check(NamedTuple):
    """What the functions of its constraint, in their order, say of an answer."""

    id: str
    row: str
    accuracy: float
    verdicts: tuple[str, ...]


def functions_by_row(
    rows: Iterable[Instruction], constraints: Iterable[Verified]
) -> dict[str, tuple[Function, ...]]:
    """Give the functions of each row, by its id. Raises BadInput if its constraint is not there."""
    known = {constraint_operation(each.id): each.functions for each in constraints}
    found = {}
    for row in rows:
        if row.operation not in known:
            raise BadInput(f"row {row.id}: its constraint, of '{row.operation}', is none of those verified")
        found[row.id] = known[row.operation]
    return found


def check_answers(
    answers: Iterable[Answer],
    functions: Mapping[str, Sequence[Function]],
    limits: Limits,
    isolation: Isolation | None = None,
) -> Iterator[Check]:
    """Run the functions of its row on each answer, in any order.

    Raises UserError if this machine offers no isolation, or a sandbox does not start.
    """
    by_row: defaultdict[str, list[Answer]] = defaultdict(list)
    for each in answers:
        by_row[each.row].append(each)
    for given in by_row.values():
        given.sort(key=lambda answer: answer.number)
    verdicts: defaultdict[str, dict[int, list[str]]] = defaultdict(dict)
    runs = sum(len(functions[row]) for row in by_row)
    outcomes = sandbox.run_jobs(_jobs(by_row, functions), limits, isolation)
    for outcome in metered(outcomes, "sandbox", "functions", runs):
        row, _, number = outcome.key.partition("/")
        verdicts[row][int(number)] = _verdicts(outcome)
        if len(verdicts[row]) == len(functions[row]):
            columns = [column for _, column in sorted(verdicts.pop(row).items())]
            for answer, of_answer in zip(by_row[row], zip(*columns, strict=True), strict=True):
                yield Check(answer.id, row, of_answer.count("true") / len(of_answer), of_answer)


def _jobs(
    by_row: Mapping[str, Sequence[Answer]], functions: Mapping[str, Sequence[Function]]
) -> Iterator[Job]:
    for row, given in sorted(by_row.items()):
        cases = tuple((answer.answer,) for answer in given)
        for number, function in enumerate(functions[row]):
            yield Job(f"{row}/{number}", function.code, FUNCTION, cases)


def _verdicts(outcome: Outcome) -> list[str]:
    """What a function says of each case: true, false, or why it says neither."""
    found = (booleans.read_case_verdict(answer) for answer in outcome.answers)
    return [each if isinstance(each, str) else VERDICTS[each] for each in found]


def reject_answers(checks: Iterable[Check], texts: Mapping[str, str], bound: str) -> Iterator[Reject]:
    """Give a reject for each answer whose accuracy is not as params want it. texts: the answers by id."""
    for each in checks:
        if not meets(bound, each.accuracy):
            reason = "accuracy too low" if each.accuracy else "accuracy 0"
            yield Reject(each.id, reason, ", ".join(each.verdicts), texts[each.id])


def count_missing_verdicts(checks: Iterable[Check]) -> dict[str, int]:
    """Count how often functions gave no verdict on an answer, by kind, the commonest first."""
    kinds = Counter(
        verdict.partition(":")[0]
        for each in checks
        for verdict in each.verdicts
        if verdict not in VERDICTS.values()
    )
    return dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0])))
