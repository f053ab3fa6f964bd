"""Run the functions of its constraint on each answer, in the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params, verified: Path, rows: Path, answers: Path, checks: Out, rejects: Out, counts: Out
) -> None:
    from evobuild.autoif import verify as measures
    from evobuild.autoif.records import ANSWERS, CHECKS, VERIFIED, Answer
    from evobuild.autoif.verified import of_table
    from evobuild.core import pools, tables
    from evobuild.sandbox.choice import best_isolation

    if not params.autoif.answers.count:
        pools.leave(CHECKS, checks, rejects, counts)
        return
    given = [Answer._make(row) for row in tables.read(answers, ANSWERS).select(Answer._fields).iter_rows()]
    own = tables.instructions(tables.read(rows, tables.INSTRUCTIONS))
    functions = measures.functions_of(own, of_table(tables.read(verified, VERIFIED)))
    isolation = best_isolation(params.sandbox)
    if isolation.name == "none":
        log("sandbox.allow_weaker_isolation: code that a model wrote runs here without isolation")
    found = sorted(measures.check(given, functions, params.sandbox, isolation))
    texts = {answer.id: answer.answer for answer in given}
    lost = tables.frame(tables.REJECTS, measures.lost(found, texts, params.autoif.answers.accuracy))
    ledger = tables.ledger(len(given), len(given) - lost.height, lost)
    tables.refuse_empty(f"{len(given)} answers came in", ledger)
    tables.write(checks, tables.frame(CHECKS, found))
    tables.write(rejects, lost)
    weaker = {"weaker_isolation": True} if isolation.name == "none" else {}
    tables.write_json(counts, ledger | {"no_verdict": measures.no_verdicts(found)} | weaker)


if __name__ == "__main__":
    run(main, reads=("autoif.answers", "sandbox"))
