"""Hold all functions of a constraint against all its cases, in the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    constraints: Path,
    verifiers: Path,
    checked: Out,
    functions: Out,
    cases: Out,
    rejects: Out,
    counts: Out,
) -> None:
    from evobuild.autoif import crosscheck, function_verdicts, records
    from evobuild.core import tables

    given, written = (
        tables.read(path, schema)
        for path, schema in ((constraints, records.CONSTRAINTS), (verifiers, records.VERIFIERS))
    )
    settings = params.autoif.crosscheck
    every = function_verdicts.gather_verifiers(given, written)
    verdicts = dict(function_verdicts.run_functions(every, params.sandbox))
    found = [crosscheck.crosscheck_constraint(each, verdicts, settings) for each in every]
    figures = crosscheck.crosscheck_figures(found, verdicts)
    if "weaker_isolation" in figures:
        log("sandbox.allow_weaker_isolation: code that a model wrote ran here without isolation")
    results = crosscheck.keep_verified_constraints(found, settings, params.random_seed)
    kept = tables.frame(records.VERIFIED, (each for each in results if not isinstance(each, tables.Reject)))
    lost = tables.frame(tables.REJECTS, (each for each in results if isinstance(each, tables.Reject)))
    balance = tables.ledger(given.height, kept.height, lost)
    tables.refuse_empty(f"{given.height} constraints came in", balance)
    tables.write(checked, kept)
    tables.write(rejects, lost)
    for out, schema, rows in (
        (functions, records.FUNCTION_VERDICTS, crosscheck.function_verdict_rows),
        (cases, records.CASE_VERDICTS, crosscheck.case_verdict_rows),
    ):
        tables.write(out, tables.frame(schema, (row for each in found for row in rows(each))))
    tables.write_json(counts, balance | figures)


if __name__ == "__main__":
    run(main, reads=("random_seed", "autoif.crosscheck", "sandbox"))
