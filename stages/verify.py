"""Run the functions of its constraint on each answer, in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.autoif.params import Sample, Verify
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.sandbox.params import Limits


class AutoIF(StageParams):
    sample: Sample
    verify: Verify


class Params(WritesTables):
    autoif: AutoIF
    sandbox: Limits


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    verified: Path = Path("data/{branch}/verified.parquet")
    rows: Path = Path("data/{branch}/rows.parquet")
    answers: Path = Path("data/{branch}/answers.parquet")
    checks: Out = out("data/{branch}/checks.parquet", push=False)
    rejects: Out = out("data/rejects/verify-{branch}.parquet", push=False)
    counts: Out = out("data/counts/verify-{branch}.json", push=False)


STAGE = Stage(
    desc="Run the functions of its constraint on each answer, in the sandbox.",
    after="sample",
    per="branches",
    counts="answers",
)


def main(params: Params, args: Arguments) -> None:
    from collections import Counter

    from evobuild.autoif import verified, verify
    from evobuild.autoif.answers_by_row import ByRow
    from evobuild.autoif.records import ANSWERS, CHECKS, VERIFIED
    from evobuild.core import tables
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import REJECTS, balance, sort_reasons, warn_if_all_rejected
    from evobuild.core.results import leave_empty
    from evobuild.core.scratch import ScratchFolder
    from evobuild.core.table_writer import TableWriter
    from evobuild.sandbox.choice import best_isolation

    if not params.autoif.sample.count:
        leave_empty(CHECKS, out=args.checks, rejects=args.rejects, counts=args.counts)
        return
    constraints = verified.read_verified_constraints(tables.read(args.verified, VERIFIED))
    functions = verify.functions_by_operation(constraints)
    checks, lost = TableWriter(args.checks, CHECKS), TableWriter(args.rejects, REJECTS)
    reasons, missing = Counter[str](), Counter[str]()
    with ScratchFolder() as folder:
        answers = ByRow(args.answers, ANSWERS, ("number", "answer"), folder)
        runs = verify.count_runs(args.rows, answers, functions)
        isolation = best_isolation(params.sandbox)
        answered = verify.read_answered_rows(args.rows, answers, functions)
        for answer, check in verify.check_answers(answered, runs, params.sandbox, isolation):
            checks.append(check)
            missing.update(verify.list_missing_verdicts(check))
            if reject := verify.reject_answer(answer, check, params.autoif.verify.accuracy):
                lost.append(reject)
                reasons[reject.reason] += 1
    ledger = balance(answers.height, checks.height - lost.height, reasons)
    warn_if_all_rejected(f"{answers.height} answers came in", ledger)
    checks.write()
    lost.write()
    weaker = {"weaker_isolation": True} if isolation.name == "none" else {}
    write_json(args.counts, ledger | {"no_verdict": sort_reasons(missing)} | weaker)


if __name__ == "__main__":
    run_stage(main)
