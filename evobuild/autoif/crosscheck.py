"""Cross-check the functions and cases of a constraint: those that agree stay.

A function that gives no verdict at all (it does not load, raises, hangs, returns no boolean) has not run
and counts for nothing; one that gives none on a case does not agree with it. In this order:

1. a constraint needs `min_functions` that ran and `min_cases`
2. a case stays if the share of functions that agree with it meets `case`; if two that expect the
   opposite of one answer both do, neither stays, unless `contradicted` is keep
3. a function stays if the share of those cases that it judges right meets `function`
4. one of each has to be left; of the remaining constraints, `constraints` are sampled

Source: Dong et al. 2024 (AutoIF), arXiv:2406.13542: above 0.5 twice; the authors' code, which asks for 3
functions and 10 cases at step 1: above 0 ("any agrees") and from 0.8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evobuild.autoif.function_verdicts import (
    NO_VERDICTS,
    ConstraintVerifiers,
    Function,
    FunctionVerdicts,
)
from evobuild.autoif.params import Crosscheck
from evobuild.autoif.records import Case
from evobuild.core.draws import draw_lowest
from evobuild.core.instructions import row_id
from evobuild.core.params import meets_bound
from evobuild.core.rejects import Reject, count_reasons


@dataclass(frozen=True)
class Crosschecked:
    """How the functions and cases of a constraint did, by their places among them.

    agreement: of each case, None if no function ran. accuracy: of each function, None if it did not run
    or no case is kept. ran, good: functions, the good ones by accuracy, ties by number. kept: cases.
    contradicted: cases that are not, since another that expects the opposite meets the bound as well.
    """

    verifiers: ConstraintVerifiers
    errors: tuple[str, ...]
    agreement: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]
    ran: tuple[int, ...]
    good: tuple[int, ...]
    kept: tuple[int, ...]
    contradicted: tuple[int, ...]


Right = Mapping[int, Sequence[bool]]
"""Of each function that ran, by its place, whether its verdict on each case is the one that is expected."""


def crosscheck_constraint(
    verifiers: ConstraintVerifiers, verdicts: Mapping[str, FunctionVerdicts], params: Crosscheck
) -> Crosschecked:
    """Run the functions of a constraint on its cases. verdicts: of each function, by its id."""
    given = [verdicts.get(function.id, NO_VERDICTS) for function in verifiers.functions]
    right = _right_verdicts(given, verifiers.cases)
    agreement = tuple(_share([own[place] for own in right.values()]) for place in range(len(verifiers.cases)))
    kept, contradicted = _select_cases(verifiers.cases, agreement, params)
    accuracy = tuple(_accuracy(right.get(place), kept) for place in range(len(given)))
    return Crosschecked(
        verifiers=verifiers,
        errors=tuple(each.error for each in given),
        agreement=agreement,
        accuracy=accuracy,
        ran=tuple(right),
        good=_good_functions(verifiers.functions, accuracy, params.function),
        kept=kept,
        contradicted=contradicted,
    )


def _right_verdicts(given: Sequence[FunctionVerdicts], cases: Sequence[Case]) -> Right:
    return {
        place: [verdict == case.expected for verdict, case in zip(each.verdicts, cases, strict=True)]
        for place, each in enumerate(given)
        if each.ran
    }


def _select_cases(
    cases: Sequence[Case], agreement: Sequence[float | None], params: Crosscheck
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the positions of the cases that stay, and of those that meet the bound but contradict
    each other.
    """
    enough = [place for place, share in enumerate(agreement) if _meets(params.case, share)]
    if params.contradicted == "keep":
        return tuple(enough), ()
    # Equal cases are one, so two of one answer expect opposites.
    often = Counter(cases[place].input for place in enough)
    kept = tuple(place for place in enough if often[cases[place].input] == 1)
    return kept, tuple(place for place in enough if place not in kept)


def _accuracy(right: Sequence[bool] | None, kept: Sequence[int]) -> float | None:
    return None if right is None else _share([right[place] for place in kept])


def _good_functions(
    functions: Sequence[Function], accuracy: Sequence[float | None], bound: str
) -> tuple[int, ...]:
    """Return the positions of the functions that stay, the most accurate first, ties by number."""
    good = [
        (share, place)
        for place, share in enumerate(accuracy)
        if share is not None and meets_bound(bound, share)
    ]
    good.sort(key=lambda each: (-each[0], functions[each[1]].number))
    return tuple(place for _, place in good)


def _share(right: Sequence[bool]) -> float | None:
    return sum(right) / len(right) if right else None


def _meets(bound: str, share: float | None) -> bool:
    return share is not None and meets_bound(bound, share)


def find_crosscheck_fault(crosschecked: Crosschecked, params: Crosscheck) -> tuple[str, str] | None:
    """Name why a constraint is lost, with a detail; None if it is not."""
    return _find_run_fault(crosschecked, params) or _find_result_fault(crosschecked, params)


def _find_run_fault(crosschecked: Crosschecked, params: Crosscheck) -> tuple[str, str] | None:
    """Step 1: whether there are functions that ran, and cases, enough of each."""
    functions, cases = crosschecked.verifiers.functions, crosschecked.verifiers.cases
    ran = len(crosschecked.ran)
    if not functions:
        return "no verifier", ""
    if not cases:
        return "no case", ""
    if not ran:
        return "no function ran", ", ".join(sorted({error for error in crosschecked.errors if error}))
    if ran < params.min_functions:
        return "too few functions", f"{ran} ran; at least {params.min_functions}"
    if len(cases) < params.min_cases:
        return "too few cases", f"{len(cases)}; at least {params.min_cases}"
    return None


def _find_result_fault(crosschecked: Crosschecked, params: Crosscheck) -> tuple[str, str] | None:
    """Step 4: whether a case and a function are left."""
    if not crosschecked.kept:
        best = max(share for share in crosschecked.agreement if share is not None)
        number = len(crosschecked.contradicted)
        opposed = f"; {number} contradict each other" if number else ""
        return "no case left", f"agreement is {best:.3g} at best; wanted {params.case}{opposed}"
    if not crosschecked.good:
        best = max(share for share in crosschecked.accuracy if share is not None)
        return "no function left", f"accuracy is {best:.3g} at best; wanted {params.function}"
    return None


def build_verified_row(crosschecked: Crosschecked) -> tuple[Any, ...]:
    """Make the row of VERIFIED."""
    verifiers = crosschecked.verifiers
    functions = [
        {"code": verifiers.functions[place].code, "accuracy": crosschecked.accuracy[place]}
        for place in crosschecked.good
    ]
    cases = [verifiers.cases[place]._asdict() for place in crosschecked.kept]
    return verifiers.id, verifiers.constraint, verifiers.model, functions, cases


def keep_verified_constraints(
    every: Iterable[Crosschecked], params: Crosscheck, seed: int
) -> list[tuple[Any, ...] | Reject]:
    """Give a row of VERIFIED or a reject for each constraint; `constraints` of the remaining ones are
    sampled.
    """
    rows: dict[str, tuple[Any, ...]] = {}
    lost: list[Reject] = []
    for each in every:
        if reason := find_crosscheck_fault(each, params):
            lost.append(Reject(each.verifiers.id, *reason, ""))
        else:
            rows[each.verifiers.id] = build_verified_row(each)
    wanted, left = params.constraints, sorted(rows)
    if wanted is not None:
        left = draw_lowest(left, wanted, seed, "crosscheck", by=str)
    lost += [Reject(id, "not drawn", "", "") for id in sorted(rows.keys() - set(left))]
    return [*(rows[id] for id in left), *lost]


def function_verdict_rows(crosschecked: Crosschecked) -> Iterator[tuple[Any, ...]]:
    """Make the rows of FUNCTION_VERDICTS."""
    for place, function in enumerate(crosschecked.verifiers.functions):
        yield (
            function.id,
            crosschecked.verifiers.id,
            function.number,
            crosschecked.accuracy[place],
            crosschecked.errors[place],
            place in crosschecked.good,
        )


def case_verdict_rows(crosschecked: Crosschecked) -> Iterator[tuple[Any, ...]]:
    """Make the rows of CASE_VERDICTS."""
    verifiers = crosschecked.verifiers
    for place, case in enumerate(verifiers.cases):
        identity = row_id("case", verifiers.id, f"{case.expected} {case.input}")
        kept, contradicted = place in crosschecked.kept, place in crosschecked.contradicted
        yield identity, verifiers.id, *case, crosschecked.agreement[place], kept, contradicted


def crosscheck_metrics(
    every: Sequence[Crosschecked], verdicts: Mapping[str, FunctionVerdicts]
) -> dict[str, Any]:
    """Count functions and cases along the way, and say so if any function ran without isolation.

    Instance: {"functions": {"written": 8, "distinct": 7, "ran": 6, "kept": 5}, "cases": {"written": 24,
    "distinct": 20, "contradicted": 2, "kept": 15}, "errors": {"time": 1}, "weaker_isolation": true};
    errors: why functions did not run, by kind
    """
    found = {
        "functions": _count_functions(every),
        "cases": _count_cases(every),
        "errors": _count_errors(every),
    }
    isolated = all(each.isolated for each in verdicts.values())
    return found if isolated else found | {"weaker_isolation": True}


def _count_functions(every: Sequence[Crosschecked]) -> dict[str, int]:
    return {
        "written": sum(each.verifiers.functions_written for each in every),
        "distinct": sum(len(each.verifiers.functions) for each in every),
        "ran": sum(len(each.ran) for each in every),
        "kept": sum(len(each.good) for each in every),
    }


def _count_cases(every: Sequence[Crosschecked]) -> dict[str, int]:
    return {
        "written": sum(each.verifiers.cases_written for each in every),
        "distinct": sum(len(each.verifiers.cases) for each in every),
        "contradicted": sum(len(each.contradicted) for each in every),
        "kept": sum(len(each.kept) for each in every),
    }


def _count_errors(every: Sequence[Crosschecked]) -> dict[str, int]:
    """Count the functions that did not run by kind of error; the rest of it is a name that the code chose."""
    return count_reasons(
        error.partition(":")[0]
        for each in every
        for place, error in enumerate(each.errors)
        if error and place not in each.ran
    )
