"""Constraints that code can check: functions written for them, and answers held against functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from evobuild.api.result import Result, reject_table
from evobuild.api.settings import Folder, ModelName, opened_model, section, surroundings
from evobuild.autoif import crosscheck as crosschecking
from evobuild.autoif import function_verdicts, records, verify
from evobuild.autoif.augment import Constraint, KnownConstraints, take_constraints
from evobuild.autoif.params import Crosscheck, Verifiers
from evobuild.autoif.records import Answer
from evobuild.autoif.verified import Function
from evobuild.autoif.verifiers import Verifier, request_verifiers
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.tables import REJECTS, Reject
from evobuild.sandbox.params import Limits

CHECKED = pl.Schema({"answer": pl.String(), "accuracy": pl.Float64(), "verdicts": pl.List(pl.String)})


def write_verifiers(
    constraints: Iterable[str],
    evolver: ModelName,
    *,
    count: int = 4,
    temperature: float = 0.8,
    crosscheck: Mapping[str, object] | None = None,
    sandbox: Mapping[str, object] | None = None,
    seed: int = 42,
    cache: Folder = None,
    **settings: Any,
) -> Result:
    """Have functions written that say whether an answer keeps a constraint, and hold them against cases.

    As the stages `verifiers` and `crosscheck` do it: the evolver writes `count` functions for each
    constraint, with cases; all functions run on all cases in the sandbox; what agrees stays. crosscheck,
    sandbox: keys of these sections of params.yaml, such as {"min_cases": 3} and {"seconds": 1.0}. settings:
    other keys of `autoif.verifiers`.

    The rows are `id`, `constraint`, `model`, `functions` (code, and accuracy: the share of the cases that it
    judges right; the best first) and `cases` (input, expected). Rejects are constraints of which no function
    or no case is left; unread are replies that hold no function, by constraint and number.

    Raises UserError where the model or a setting cannot be used, or this machine offers no isolation. Source:
    Dong et al. 2024 (AutoIF), arXiv:2406.13542.

    >>> found = write_verifiers(["Use no comma."], "simulated:small")
    >>> "def evaluate(" in found.rows["functions"][0][0]["code"]
    True
    """
    own = section("autoif.verifiers", Verifiers, {"count": count, "temperature": temperature} | settings)
    bounds = section("autoif.crosscheck", Crosscheck, {"constraints": None} | dict(crosscheck or {}))
    limits = section("sandbox", Limits, sandbox or {})
    placed = ((f"constraints[{place}]", text) for place, text in enumerate(constraints))
    taken = list(take_constraints(placed, KnownConstraints(None)))
    given = tables.frame(records.CONSTRAINTS, (each for each in taken if isinstance(each, Constraint)))
    texts = dict(given.select("id", "constraint").iter_rows())
    with surroundings(cache) as engines, opened_model("evolver", evolver, engines) as model:
        made = [each.made for each in request_verifiers(texts, model, own, seed)]
    written = tables.frame(records.VERIFIERS, (each for each in made if isinstance(each, Verifier)))
    every = function_verdicts.gather_verifiers(given, written)
    heard = dict(function_verdicts.run_functions(every, limits))
    judged = [crosschecking.crosscheck_constraint(each, heard, bounds) for each in every]
    found = crosschecking.keep_verified_constraints(judged, bounds, seed)
    rows = tables.frame(records.VERIFIED, (each for each in found if not isinstance(each, Reject)))
    lost = tables.frame(REJECTS, (each for each in (*taken, *found) if isinstance(each, Reject)))
    tables.ledger(len(taken), rows.height, lost)
    # What is told of a constraint that is lost is of no use without it.
    told = lost.join(given.select("id", "constraint"), on="id", how="left", maintain_order="left")
    return Result(rows, told, reject_table(each for each in made if isinstance(each, Reject)))


def check_answers(
    answers: Sequence[str], functions: Sequence[str | Mapping[str, Any]], **sandbox: Any
) -> pl.DataFrame:
    """Run functions on answers in the sandbox, as the stage `verify` does.

    functions: code that defines evaluate(response) each, or the `functions` of a row of `write_verifiers`.
    sandbox: keys of this section of params.yaml, such as seconds=1.0 or modules=["re"].

    Gives a row an answer, in their order: `answer`; `verdicts` of each function, "true", "false", or why it
    gave none, such as "raised: KeyError" or "time"; `accuracy`, the share of the functions that say true.

    Raises UserError if there is no function, or if this machine offers no isolation. Source: Dong et al. 2024
    (AutoIF), arXiv:2406.13542, section 3.3.

    >>> code = "def evaluate(response):\\n    return ',' not in response"
    >>> check_answers(["No comma here.", "One, two."], [code])["accuracy"].to_list()
    [1.0, 0.0]
    """
    if not functions:
        raise BadInput("functions is empty; expected code that defines evaluate(response)")
    for name, texts in (("answers", answers), ("functions", functions)):
        if isinstance(texts, str):
            raise BadInput(f"{name} is text; expected a list of texts")
    limits = section("sandbox", Limits, sandbox)
    given = [Answer(str(place), "answers", place, text) for place, text in enumerate(answers)]
    written = [Function(each if isinstance(each, str) else each["code"], 1.0) for each in functions]
    rows = [verify.AnsweredRow("answers", written, given)] if given else []
    found = verify.check_answers(rows, len(written), limits)
    checked = ((answer.answer, check.accuracy, list(check.verdicts)) for answer, check in found)
    return tables.frame(CHECKED, checked)
