"""Invent constraints on the form of an answer from those that are given, in rounds (self-instruct)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.autoif.params import Augment
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams
from evobuild.core.stage import run_stage
from evobuild.models.params import ChatRole
from evobuild.process.terminal import log


class AutoIF(StageParams):
    seeds: str
    augment: Augment


class Models(StageParams):
    evolver: ChatRole


class Params(StageParams):
    random_seed: RandomSeed
    autoif: AutoIF
    models: Models

    def templates(self) -> tuple[str, ...]:
        return ("autoif/augment.jinja",) if self.autoif.augment.rounds else ()

    def named_files(self) -> tuple[str, ...]:
        return (self.autoif.seeds,)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    constraints: Out = out("data/{branch}/constraints.parquet", push=False)
    rejects: Out = out("data/rejects/augment-{branch}.parquet", push=False)
    counts: Out = out("data/counts/augment-{branch}.json", push=False)


STAGE = Stage(
    desc="Invent constraints on the form of an answer, from those that are given.",
    after="keywords",
    per="branches",
    asks="evolver",
    counts="constraints proposed",
    prompts=("autoif/augment.jinja",),
    waits_for=("${autoif.seeds}",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif.augment import (
        Constraint,
        KnownConstraints,
        count_origins,
        invent_constraints,
        read_seed_constraints,
    )
    from evobuild.autoif.records import CONSTRAINTS
    from evobuild.core import tables
    from evobuild.core.json_files import write_json
    from evobuild.core.reasons import commonest_reasons
    from evobuild.core.rejects import REJECTS, Reject, ledger
    from evobuild.models.client import Model

    settings = params.autoif.augment
    known = KnownConstraints(settings.near_duplicate)
    results = list(read_seed_constraints(Path(params.autoif.seeds), known))
    used = []
    if settings.rounds:
        with Model(params.models.evolver, "evolver", f"augment-{args.branch}", settings.rounds) as model:
            results += invent_constraints(known, settings, model, params.random_seed)
            used = [model.usage.asked()]
    kept = tables.frame(CONSTRAINTS, (each for each in results if isinstance(each, Constraint)))
    lost = tables.frame(REJECTS, (each for each in results if isinstance(each, Reject)))
    balance = ledger(len(results), kept.height, lost) | {"origins": count_origins(results)}
    if settings.rounds and set(balance["origins"]) == {"seed"}:
        lost_by = commonest_reasons(balance["rejects"])
        log(f"{settings.rounds} rounds gave no constraint, only the seeds are used: {lost_by}")
    tables.write(args.constraints, kept)
    tables.write(args.rejects, lost)
    write_json(args.counts, balance | {"asked": used})


if __name__ == "__main__":
    run_stage(main)
