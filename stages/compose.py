"""Put each constraint to instructions of the seed: the rows of the branch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.autoif.params import Compose
from evobuild.core.params import Part, RandomSeed
from evobuild.core.stage import Out, out, run


class AutoIF(Part):
    compose: Compose


class Params(Part):
    random_seed: RandomSeed
    autoif: AutoIF


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    r0: Path = Path("data/rounds/r0.parquet")
    verified: Path = Path("data/{branch}/verified.parquet")
    rows: Out = out("data/{branch}/rows.parquet")
    rejects: Out = out("data/rejects/compose-{branch}.parquet")
    counts: Out = out("data/counts/compose-{branch}.json")


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif import compose, verified
    from evobuild.autoif.records import VERIFIED
    from evobuild.core import tables
    from evobuild.core.errors import BadInput

    given = params.autoif.compose
    kept = list(verified.read_verified_constraints(tables.read(args.verified, VERIFIED)))
    if not kept:
        raise BadInput(f"{args.verified}: holds no constraint, so there is nothing to put to the seed rows")
    seeds = tables.read(args.r0, tables.INSTRUCTIONS)
    found = list(compose.sift_queries(tables.instructions(seeds), given))
    lost = tables.frame(tables.REJECTS, (each for each in found if isinstance(each, tables.Reject)))
    drawn_from = [each for each in found if isinstance(each, tables.Instruction)]
    ledger = tables.ledger(seeds.height, len(drawn_from), lost)
    tables.refuse_empty(
        f"{seeds.height} seed rows came in to compose with, as autoif.compose has it,", ledger
    )
    made = list(compose.compose_rows(drawn_from, kept, args.branch, given.queries, params.random_seed))
    tables.write(args.rows, tables.frame(tables.INSTRUCTIONS, made))
    tables.write(args.rejects, lost)
    tables.write_json(args.counts, ledger | {"constraints": len(kept), "rows": len(made)})


if __name__ == "__main__":
    run(main)
