"""Functions and cases of a constraint held against each other: what agrees stays.

A function that gives no verdict at all (it does not load, raises, hangs, returns no boolean) has not run
and counts for nothing; one that gives none on a case does not agree with it. In this order:

1. a constraint needs `min_functions` that ran and `min_cases`
2. a case stays if the share of functions that agree with it meets `case`; of two that expect the
   opposite of one answer at most one can, and if both meet it, neither stays
3. a function stays if the share of those cases that it judges right meets `function`
4. one of each has to be left; of the constraints that are left so many are drawn

Source: Dong et al. 2024 (AutoIF), arXiv:2406.13542: above 0.5 twice; the authors' code, which asks for 3
functions and 10 cases at step 1: above 0 ("any agrees") and from 0.8.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evobuild.autoif.function_verdicts import SILENT, Panel, Said
from evobuild.autoif.params import Crosscheck
from evobuild.autoif.records import meets
from evobuild.core.tables import Reject, count_reasons, row_id


@dataclass(frozen=True)
class Judged:
    """How the functions and cases of a panel did, by their places in it.

    agreement: of each case, None if no function ran. accuracy: of each function, None if it did not run
    or no case is kept. ran, good: functions, the good ones by accuracy, ties by number. kept: cases.
    contradicted: cases that are not, since another that expects the opposite meets the bound as well.
    """

    panel: Panel
    errors: tuple[str, ...]
    agreement: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]
    ran: tuple[int, ...]
    good: tuple[int, ...]
    kept: tuple[int, ...]
    contradicted: tuple[int, ...]


def judge(panel: Panel, heard: Mapping[str, Said], params: Crosscheck) -> Judged:
    """Hold the functions of a constraint against its cases. heard: what each function says, by its id."""
    expected = [case.expected for case in panel.cases]
    said = [heard.get(function.id, SILENT) for function in panel.functions]
    ran = tuple(place for place, each in enumerate(said) if each.ran)
    right = {
        place: [verdict == wanted for verdict, wanted in zip(said[place].verdicts, expected, strict=True)]
        for place in ran
    }
    agreement = tuple(_share([right[place][case] for place in ran]) for case in range(len(expected)))
    enough = [case for case, share in enumerate(agreement) if _meets(params.case, share)]
    often = Counter(panel.cases[case].input for case in enough)
    kept = tuple(case for case in enough if often[panel.cases[case].input] == 1)
    accuracy = tuple(
        _share([right[place][case] for case in kept]) if place in right else None
        for place in range(len(said))
    )
    good = [place for place in ran if _meets(params.function, accuracy[place])]
    good.sort(key=lambda place: (-(accuracy[place] or 0.0), panel.functions[place].number))
    errors = tuple(each.error for each in said)
    contradicted = tuple(case for case in enough if case not in kept)
    return Judged(panel, errors, agreement, accuracy, ran, tuple(good), kept, contradicted)


def _share(right: Sequence[bool]) -> float | None:
    return sum(right) / len(right) if right else None


def _meets(bound: str, share: float | None) -> bool:
    return share is not None and meets(bound, share)


def fault(judged: Judged, params: Crosscheck) -> tuple[str, str] | None:
    """Name why a constraint is lost, with a detail; None if it is not."""
    panel, ran = judged.panel, len(judged.ran)
    if not panel.functions:
        return "no verifier", ""
    if not panel.cases:
        return "no case", ""
    if not ran:
        return "no function ran", ", ".join(sorted({error for error in judged.errors if error}))
    if ran < params.min_functions:
        return "too few functions", f"{ran} ran; at least {params.min_functions}"
    if len(panel.cases) < params.min_cases:
        return "too few cases", f"{len(panel.cases)}; at least {params.min_cases}"
    if not judged.kept:
        best = max(share for share in judged.agreement if share is not None)
        opposed = f"; {len(judged.contradicted)} contradict each other" if judged.contradicted else ""
        return "no case left", f"agreement is {best:.3g} at best; wanted {params.case}{opposed}"
    if not judged.good:
        best = max(share for share in judged.accuracy if share is not None)
        return "no function left", f"accuracy is {best:.3g} at best; wanted {params.function}"
    return None


def verified(judged: Judged) -> tuple[Any, ...]:
    """The row of VERIFIED."""
    panel = judged.panel
    functions = [
        {"code": panel.functions[place].code, "accuracy": judged.accuracy[place]} for place in judged.good
    ]
    cases = [panel.cases[place]._asdict() for place in judged.kept]
    return panel.id, panel.constraint, panel.model, functions, cases


def results(every: Iterable[Judged], params: Crosscheck, seed: int) -> list[tuple[Any, ...] | Reject]:
    """Give a row of VERIFIED or a reject for each constraint; so many of those left are drawn."""
    rows: dict[str, tuple[Any, ...]] = {}
    lost: list[Reject] = []
    for judged in every:
        if reason := fault(judged, params):
            lost.append(Reject(judged.panel.id, *reason, ""))
        else:
            rows[judged.panel.id] = verified(judged)
    wanted, left = params.constraints, sorted(rows)
    if wanted is not None and wanted < len(left):
        left = random.Random(f"{seed} crosscheck").sample(left, wanted)
    lost += [Reject(id, "not drawn", "", "") for id in sorted(rows.keys() - set(left))]
    return [*(rows[id] for id in left), *lost]


def function_verdicts(judged: Judged) -> Iterator[tuple[Any, ...]]:
    """Rows of FUNCTION_VERDICTS."""
    for place, function in enumerate(judged.panel.functions):
        yield (
            function.id,
            judged.panel.id,
            function.number,
            judged.accuracy[place],
            judged.errors[place],
            place in judged.good,
        )


def case_verdicts(judged: Judged) -> Iterator[tuple[Any, ...]]:
    """Rows of CASE_VERDICTS."""
    panel = judged.panel
    for place, case in enumerate(panel.cases):
        identity = row_id("case", panel.id, f"{case.expected} {case.input}")
        fate = place in judged.kept, place in judged.contradicted
        yield identity, panel.id, *case, judged.agreement[place], *fate


def figures(every: Iterable[Judged], heard: Mapping[str, Said]) -> dict[str, Any]:
    """Count functions and cases along the way, and say so if any function ran without isolation.

    Instance: {"functions": {"written": 8, "distinct": 7, "ran": 6, "kept": 5}, "cases": {"written": 24,
    "distinct": 20, "contradicted": 2, "kept": 15}, "errors": {"time": 1}, "weaker_isolation": true};
    errors: why functions did not run, by kind
    """
    judged = list(every)
    panels = [each.panel for each in judged]
    found: dict[str, Any] = {
        "functions": {
            "written": sum(panel.written[0] for panel in panels),
            "distinct": sum(len(panel.functions) for panel in panels),
            "ran": sum(len(each.ran) for each in judged),
            "kept": sum(len(each.good) for each in judged),
        },
        "cases": {
            "written": sum(panel.written[1] for panel in panels),
            "distinct": sum(len(panel.cases) for panel in panels),
            "contradicted": sum(len(each.contradicted) for each in judged),
            "kept": sum(len(each.kept) for each in judged),
        },
        # By kind: the rest is a name that the code chose.
        "errors": count_reasons(
            error.partition(":")[0]
            for each in judged
            for place, error in enumerate(each.errors)
            if error and place not in each.ran
        ),
    }
    return found if all(said.isolated for said in heard.values()) else found | {"weaker_isolation": True}
