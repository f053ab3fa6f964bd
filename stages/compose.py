"""Put each constraint to instructions of the seed: the rows of the branch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(params: Params, r0: Path, verified: Path, rows: Out, rejects: Out, counts: Out) -> None:
    from evobuild.autoif import compose
    from evobuild.autoif import verified as constraints
    from evobuild.autoif.records import VERIFIED
    from evobuild.core import tables
    from evobuild.core.errors import BadInput

    given = params.autoif.compose
    kept = list(constraints.read_verified_constraints(tables.read(verified, VERIFIED)))
    if not kept:
        raise BadInput(f"{verified}: holds no constraint, so there is nothing to put to the seed rows")
    seeds = tables.read(r0, tables.INSTRUCTIONS)
    found = list(compose.sift_queries(tables.instructions(seeds), given))
    lost = tables.frame(tables.REJECTS, (each for each in found if isinstance(each, tables.Reject)))
    drawn_from = [each for each in found if isinstance(each, tables.Instruction)]
    ledger = tables.ledger(seeds.height, len(drawn_from), lost)
    tables.refuse_empty(
        f"{seeds.height} seed rows came in to compose with, as autoif.compose has it,", ledger
    )
    name = rows.parent.name
    made = list(compose.compose_rows(drawn_from, kept, name, given.queries, params.random_seed))
    tables.write(rows, tables.frame(tables.INSTRUCTIONS, made))
    tables.write(rejects, lost)
    tables.write_json(counts, ledger | {"constraints": len(kept), "rows": len(made)})


if __name__ == "__main__":
    run(main, reads=("random_seed", "autoif.compose"))
