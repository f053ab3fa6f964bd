"""Hold all functions of a constraint against all its cases, in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.autoif.params import Crosscheck
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.sandbox.params import Limits


class AutoIF(StageParams):
    crosscheck: Crosscheck


class Params(WritesTables):
    random_seed: RandomSeed
    autoif: AutoIF
    sandbox: Limits


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    constraints: Path = Path("data/{branch}/constraints.parquet")
    verifiers: Path = Path("data/{branch}/verifiers.parquet")
    checked: Out = out("data/{branch}/checked.parquet", push=False)
    functions: Out = out("data/{branch}/function_verdicts.parquet", push=False)
    cases: Out = out("data/{branch}/case_verdicts.parquet", push=False)
    rejects: Out = out("data/rejects/crosscheck-{branch}.parquet", push=False)
    counts: Out = out("data/counts/crosscheck-{branch}.json", push=False)


STAGE = Stage(
    desc="Hold all functions of a constraint against all its cases, in the sandbox.",
    after="verifiers",
    per="branches",
    counts="constraints",
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif import crosscheck, function_verdicts, records
    from evobuild.core import tables
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import REJECTS, Reject, ledger, warn_if_all_rejected

    given = tables.read(args.constraints, records.CONSTRAINTS)
    settings = params.autoif.crosscheck
    every = function_verdicts.gather_verifiers(given, tables.read(args.verifiers, records.VERIFIERS))
    heard = dict(function_verdicts.run_functions(every, params.sandbox))
    judged = [crosscheck.crosscheck_constraint(each, heard, settings) for each in every]
    figures = crosscheck.crosscheck_metrics(judged, heard)
    results = crosscheck.keep_verified_constraints(judged, settings, params.random_seed)
    kept = tables.frame(records.VERIFIED, (each for each in results if not isinstance(each, Reject)))
    lost = tables.frame(REJECTS, (each for each in results if isinstance(each, Reject)))
    balance = ledger(given.height, kept.height, lost)
    warn_if_all_rejected(f"{given.height} constraints came in", balance)
    tables.write(args.checked, kept)
    tables.write(args.rejects, lost)
    for path, schema, rows in (
        (args.functions, records.FUNCTION_VERDICTS, crosscheck.function_verdict_rows),
        (args.cases, records.CASE_VERDICTS, crosscheck.case_verdict_rows),
    ):
        tables.write(path, tables.frame(schema, (row for each in judged for row in rows(each))))
    write_json(args.counts, balance | figures)


if __name__ == "__main__":
    run_stage(main)
