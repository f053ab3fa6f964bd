"""Read the seed data: round r0, a held-out set split off first, and what was lost with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, WritesTables
from evobuild.core.stage import run_stage
from evobuild.seeds.params import Seed


class Params(WritesTables):
    random_seed: RandomSeed
    seed: Seed


@dataclass(frozen=True, kw_only=True)
class Arguments:
    source: Path = Path("${seed.source}")
    r0: Out = out("data/rounds/r0.parquet", push=False)
    held_out: Out = out("data/held_out.parquet", push=False)
    failures: Out = out("data/failures/r0.parquet", push=False)
    replies: Out = out("data/replies/r0.parquet", push=False)
    preferences: Out = out("data/preferences/r0.parquet", push=False)
    rejects: Out = out("data/rejects/seed.parquet", push=False)
    counts: Out = out("data/counts/seed.json", push=False)


STAGE = Stage(
    desc="Read the seed data, split off the held-out rows, and give round r0.",
    after="fetch",
    libraries=("py3langid", "rensa"),
)


def main(params: Params, args: Arguments) -> None:
    from collections import Counter

    from evobuild.core import tables
    from evobuild.core.evolution_tables import FAILURES, REPLIES
    from evobuild.core.instructions import INSTRUCTIONS, PREFERENCES
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import REJECTS, balance, refuse_empty
    from evobuild.core.table_writer import TableWriter
    from evobuild.seeds import formats, seed

    given = params.seed
    sources = formats.read_seed_rows(args.source, given.format, given.columns or {})
    r0, held_out = (TableWriter(path, INSTRUCTIONS) for path in (args.r0, args.held_out))
    rejects = TableWriter(args.rejects, REJECTS)
    reasons: Counter[str] = Counter()
    unanswered = 0
    for split in seed.split_batches(sources, given, params.random_seed):
        r0.extend(split.r0)
        held_out.extend(split.held_out)
        rejects.extend(split.rejects)
        reasons.update(split.rejects["reason"])
        unanswered += int((split.r0["output"] == "").sum())
    rows_out = r0.height + held_out.height
    ledger = balance(rows_out + rejects.height, rows_out, reasons)
    rejects.write()
    found = ledger | {"out": r0.height}
    refuse_empty(f"{args.source}: {ledger['in']} rows came in", found, args.rejects)
    r0.write()
    held_out.write()
    # Nothing evolved or compared r0. Its empty tables are for what reads those of all rounds and branches,
    # even without any round or branch.
    tables.write(args.failures, FAILURES.to_frame())
    tables.write(args.replies, REPLIES.to_frame())
    tables.write(args.preferences, PREFERENCES.to_frame())
    write_json(args.counts, ledger | {"held_out": held_out.height, "unanswered": unanswered})


if __name__ == "__main__":
    run_stage(main)
