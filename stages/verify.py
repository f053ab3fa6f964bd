"""Run the functions of its constraint on each answer, in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.autoif.params import OFF, Sample, Switch, Verify
from evobuild.core.params import WritesTables
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run
from evobuild.core.terminal import log
from evobuild.sandbox.params import Limits


class AutoIF(Switch):
    sample: Sample
    verify: Verify


class Params(WritesTables):
    autoif: AutoIF
    sandbox: Limits

    def reads(self, given: Given) -> Reads:
        if not self.autoif.on:
            return OFF
        if not self.autoif.sample.count:
            return Reads(only=("autoif.on", "autoif.sample.count"))
        return Reads()


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    verified: Path = Path("data/{branch}/verified.parquet")
    rows: Path = Path("data/{branch}/rows.parquet")
    answers: Path = Path("data/{branch}/answers.parquet")
    checks: Out = out("data/{branch}/checks.parquet")
    rejects: Out = out("data/rejects/verify-{branch}.parquet")
    counts: Out = out("data/counts/verify-{branch}.json")


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif import verified, verify
    from evobuild.autoif.records import ANSWERS, CHECKS, VERIFIED, Answer
    from evobuild.core import tables
    from evobuild.sandbox.choice import best_isolation

    if not params.autoif.on or not params.autoif.sample.count:
        tables.leave_empty(CHECKS, out=args.checks, rejects=args.rejects, counts=args.counts)
        return
    answers = tables.read(args.answers, ANSWERS)
    given = [Answer._make(row) for row in answers.select(Answer._fields).iter_rows()]
    own = tables.instructions(tables.read(args.rows, tables.INSTRUCTIONS))
    functions = verify.functions_by_row(
        own, verified.read_verified_constraints(tables.read(args.verified, VERIFIED))
    )
    isolation = best_isolation(params.sandbox)
    if isolation.name == "none":
        log("sandbox.allow_weaker_isolation: code that a model wrote runs here without isolation")
    found = sorted(verify.check_answers(given, functions, params.sandbox, isolation))
    texts = {answer.id: answer.answer for answer in given}
    lost = tables.frame(tables.REJECTS, verify.reject_answers(found, texts, params.autoif.verify.accuracy))
    ledger = tables.ledger(len(given), len(given) - lost.height, lost)
    tables.warn_of_loss_of_all(f"{len(given)} answers came in", ledger)
    tables.write(args.checks, tables.frame(CHECKS, found))
    tables.write(args.rejects, lost)
    weaker = {"weaker_isolation": True} if isolation.name == "none" else {}
    tables.write_json(args.counts, ledger | {"no_verdict": verify.count_missing_verdicts(found)} | weaker)


if __name__ == "__main__":
    run(main)
