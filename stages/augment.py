"""Invent constraints on the form of an answer from those that are given, in rounds (self-instruct)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, log, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, seeds: Path, constraints: Out, rejects: Out, counts: Out, usage: Out) -> None:
    from evobuild.autoif.augment import (
        Constraint,
        KnownConstraints,
        count_origins,
        invent_constraints,
        read_seed_constraints,
    )
    from evobuild.autoif.records import CONSTRAINTS
    from evobuild.core import tables
    from evobuild.models.client import Model

    settings = params.autoif.augment
    known = KnownConstraints(settings.near_duplicate)
    results = list(read_seed_constraints(seeds, known))
    used = []
    if settings.rounds:
        with Model(params.models.evolver, "evolver", "augment", settings.rounds) as model:
            results += invent_constraints(known, settings, model, params.random_seed)
            used = [model.usage.as_dict()]
    kept = tables.frame(CONSTRAINTS, (each for each in results if isinstance(each, Constraint)))
    lost = tables.frame(tables.REJECTS, (each for each in results if isinstance(each, tables.Reject)))
    balance = tables.ledger(len(results), kept.height, lost) | {"origins": count_origins(results)}
    if settings.rounds and set(balance["origins"]) == {"seed"}:
        log(f"no constraint came of {settings.rounds} rounds, the seeds stand alone: {balance['rejects']}")
    tables.write(constraints, kept)
    tables.write(rejects, lost)
    tables.write_json(counts, balance)
    tables.write_json(usage, used)


if __name__ == "__main__":
    run(main, reads=("random_seed", "autoif.augment", "models.evolver"))
