"""Put each constraint to queries, of the seed or of a file of their own: the rows of the branch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.autoif.params import Compose
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams, WritesTables
from evobuild.core.stage import run_stage


class AutoIF(StageParams):
    compose: Compose


class Params(WritesTables):
    random_seed: RandomSeed
    autoif: AutoIF

    def named_files(self) -> tuple[str, ...]:
        return (self.autoif.compose.file,) if self.autoif.compose.queries == "file" else ()


@dataclass(frozen=True, kw_only=True)
class Arguments:
    branch: str
    r0: Path = Path("data/rounds/r0.parquet")
    verified: Path = Path("data/{branch}/verified.parquet")
    rows: Out = out("data/{branch}/rows.parquet", push=False)
    rejects: Out = out("data/rejects/compose-{branch}.parquet", push=False)
    counts: Out = out("data/counts/compose-{branch}.json", push=False)


STAGE = Stage(
    desc="Put each constraint to queries, of the seed or of a file of their own.",
    after="entailment",
    per="branches",
    counts="queries",
    waits_for=("${autoif.compose.file}",),
)


def main(params: Params, args: Arguments) -> None:
    from collections import Counter

    from evobuild.autoif import compose, verified
    from evobuild.autoif.records import VERIFIED
    from evobuild.core import tables
    from evobuild.core.instructions import INSTRUCTIONS, stream_instructions
    from evobuild.core.json_files import write_json
    from evobuild.core.reasons import NOT_DRAWN
    from evobuild.core.rejects import REJECTS, Reject, balance, refuse_empty
    from evobuild.core.scratch import ScratchFolder
    from evobuild.core.table_writer import TableWriter

    given, seed = params.autoif.compose, params.random_seed
    kept = list(verified.read_verified_constraints(tables.read(args.verified, VERIFIED)))
    rows, rejects = TableWriter(args.rows, INSTRUCTIONS), TableWriter(args.rejects, REJECTS)
    with ScratchFolder() as folder:
        source, table, lost = str(args.r0), args.r0, Counter[str]()
        if given.queries == "file":
            source, table = given.file, folder / "queries.parquet"
            lost = compose.write_query_file(Path(source), table, rejects)
        sifted = compose.filter_queries(stream_instructions(table)[1], given)
        queries, ledger = compose.keep_queries(sifted, rejects, lost)
        if not ledger["out"]:
            rejects.write()
        came = f"{source}: {ledger['in']} rows came in as queries of autoif.compose"
        refuse_empty(came, ledger, args.rejects)
        drawn = compose.sample_queries(queries, kept, given.count, seed)
        made = compose.ComposedRows(table, drawn, kept, args.branch)
        for each in compose.limit_rows(made, given.rows, seed):
            (rejects if isinstance(each, Reject) else rows).append(each)
    undrawn = len(made) - rows.height
    cut = balance(len(made), rows.height, {NOT_DRAWN: undrawn} if undrawn else {})
    rows.write()
    rejects.write()
    write_json(args.counts, ledger | {"constraints": len(kept), "rows": cut})


if __name__ == "__main__":
    run_stage(main)
