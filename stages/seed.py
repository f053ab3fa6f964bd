"""Read the seed data: round r0, a held-out set split off first, and what was lost with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.params import RandomSeed, WritesTables
from evobuild.core.stage import Out, out, run
from evobuild.seeds.params import Seed


class Params(WritesTables):
    random_seed: RandomSeed
    seed: Seed


@dataclass(frozen=True, kw_only=True)
class Arguments:
    source: Path = Path("${seed.source}")
    r0: Out = out("data/rounds/r0.parquet")
    held_out: Out = out("data/held_out.parquet")
    failures: Out = out("data/failures/r0.parquet")
    replies: Out = out("data/replies/r0.parquet")
    preferences: Out = out("data/preferences/r0.parquet")
    rejects: Out = out("data/rejects/seed.parquet")
    counts: Out = out("data/counts/seed.json")


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import tables
    from evobuild.seeds import formats, seed

    given = params.seed
    rows = list(formats.read_seed_rows(args.source, given.format, given.columns or {}))
    split = seed.split_seed_rows(rows, params.seed, params.random_seed)
    kept, held, lost = (
        tables.frame(tables.INSTRUCTIONS, split.r0),
        tables.frame(tables.INSTRUCTIONS, split.held_out),
        tables.frame(tables.REJECTS, split.rejects),
    )
    ledger = tables.ledger(len(rows), kept.height + held.height, lost)
    tables.refuse_empty(f"{args.source}: {len(rows)} rows came in", ledger | {"out": kept.height})
    unanswered = kept.filter(kept["output"] == "").height
    tables.write(args.r0, kept)
    tables.write(args.held_out, held)
    # Nothing evolved or compared r0. Its empty tables are for what reads those of all rounds and branches,
    # even if there is none.
    tables.write(args.failures, tables.FAILURES.to_frame())
    tables.write(args.replies, tables.REPLIES.to_frame())
    tables.write(args.preferences, tables.PREFERENCES.to_frame())
    tables.write(args.rejects, lost)
    tables.write_json(args.counts, ledger | {"held_out": held.height, "unanswered": unanswered})


if __name__ == "__main__":
    run(main)
