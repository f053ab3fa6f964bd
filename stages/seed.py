"""Read the seed data: round r0, a held-out set split off first, and what was lost with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.stage import Out, run

if TYPE_CHECKING:
    from evobuild.core.params import Params


def main(
    params: Params,
    source: Path,
    r0: Out,
    held_out: Out,
    failures: Out,
    replies: Out,
    rejects: Out,
    counts: Out,
) -> None:
    from evobuild.core import tables
    from evobuild.seeds import formats, seed

    rows = list(formats.read_seed_rows(source, params.seed.format))
    split = seed.split_seed_rows(rows, params.seed, params.random_seed)
    kept, held, lost = (
        tables.frame(tables.INSTRUCTIONS, split.r0),
        tables.frame(tables.INSTRUCTIONS, split.held_out),
        tables.frame(tables.REJECTS, split.rejects),
    )
    ledger = tables.ledger(len(rows), kept.height + held.height, lost)
    tables.refuse_empty(f"{source}: {len(rows)} rows came in", ledger | {"out": kept.height})
    tables.write(r0, kept)
    tables.write(held_out, held)
    # Nothing evolved r0. Its empty tables are for what reads those of all rounds, even if there is none.
    tables.write(failures, tables.FAILURES.to_frame())
    tables.write(replies, tables.REPLIES.to_frame())
    tables.write(rejects, lost)
    tables.write_json(counts, ledger | {"held_out": held.height})


if __name__ == "__main__":
    run(main, reads=("random_seed", "seed"))
