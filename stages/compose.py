"""Put each constraint to queries, of the seed or of a file of their own: the rows of the branch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.autoif.params import OFF, Compose, Switch
from evobuild.core.params import RandomSeed, WritesTables
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run

if TYPE_CHECKING:
    from evobuild.core.tables import Instruction, Reject


class AutoIF(Switch):
    compose: Compose


class Params(WritesTables):
    random_seed: RandomSeed
    autoif: AutoIF

    def reads(self, given: Given) -> Reads:
        own = self.autoif.compose
        if not self.autoif.on:
            return OFF
        return Reads(files=(own.file,)) if own.queries == "file" else Reads(unused=("autoif.compose.file",))


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    r0: Path = Path("data/rounds/r0.parquet")
    verified: Path = Path("data/{branch}/verified.parquet")
    rows: Out = out("data/{branch}/rows.parquet")
    rejects: Out = out("data/rejects/compose-{branch}.parquet")
    counts: Out = out("data/counts/compose-{branch}.json")


def _sifted(params: Compose, args: Arguments) -> tuple[list[Instruction], list[Reject]]:
    """The queries, and the rejects among what was to be one."""
    from evobuild.autoif import compose
    from evobuild.core import tables

    if params.queries == "file":
        given, lost = compose.read_query_file(Path(params.file))
    else:
        given, lost = list(tables.instructions(tables.read(args.r0, tables.INSTRUCTIONS))), []
    found = list(compose.sift_queries(given, params))
    lost += [each for each in found if isinstance(each, tables.Reject)]
    return [each for each in found if isinstance(each, tables.Instruction)], lost


def main(params: Params, args: Arguments) -> None:
    from evobuild.autoif import compose, verified
    from evobuild.autoif.records import VERIFIED
    from evobuild.core import tables

    if not params.autoif.on:
        tables.leave_empty(tables.INSTRUCTIONS, out=args.rows, rejects=args.rejects, counts=args.counts)
        return
    given, seed = params.autoif.compose, params.random_seed
    kept = list(verified.read_verified_constraints(tables.read(args.verified, VERIFIED)))
    queries, lost = _sifted(given, args)
    rejects = tables.frame(tables.REJECTS, lost)
    ledger = tables.ledger(len(queries) + len(lost), len(queries), rejects)
    source = given.file if given.queries == "file" else args.r0
    tables.refuse_empty(f"{source}: {ledger['in']} rows came in as queries of autoif.compose", ledger)
    made = list(compose.compose_rows(queries, kept, args.branch, given.count, seed))
    drawn, left = compose.cut_rows(made, given.rows, seed)
    undrawn = tables.frame(tables.REJECTS, left)
    rows = tables.ledger(len(made), len(drawn), undrawn)
    tables.write(args.rows, tables.frame(tables.INSTRUCTIONS, drawn))
    tables.write(args.rejects, rejects.vstack(undrawn))
    tables.write_json(args.counts, ledger | {"constraints": len(kept), "rows": rows})


if __name__ == "__main__":
    run(main)
