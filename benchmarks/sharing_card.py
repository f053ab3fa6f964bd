"""Card and Croissant of a million exported rows, apart from writing the exports themselves.

    python benchmarks/sharing_card.py [--rows 1000000]

Rows are made up, of some 900 characters each. Prints the figures and, last, a JSON object: name → {"value",
"must", "holds"}. `card_figures` is for other benchmarks.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from figures import Figures

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))
import carded

from evobuild.cards import card, croissant
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS

SECONDS, GIB = 30.0, 3.0
"""What is promised of a million rows."""
_WORDS = "river bridge market garden window letter engine harbour winter lantern copper meadow signal valley"


def make_up_rows(path: Path, rows: int) -> None:
    """Write a data set of some rows."""
    text = (_WORDS + " ") * 3
    number = pl.int_range(rows, dtype=pl.Int64)
    columns = {name: pl.lit("") for name, kind in INSTRUCTIONS.items() if kind == pl.String}
    columns |= {
        "id": pl.col("seed_place").hash(7).cast(pl.String).str.zfill(20),
        "round": pl.lit("r1"),
        "domain": pl.lit("chat"),
        "history": pl.lit([], dtype=INSTRUCTIONS["history"]),
        "instruction": pl.format("What is it with number {}? {}", "seed_place", pl.lit(text)),
        "output": pl.format("It is {}. {}", "seed_place", pl.lit(text * 2)),
        "evolver": pl.lit("simulated:small"),
        "difficulty": (pl.col("seed_place") % 101).cast(pl.Float64),
    }
    table = pl.select(seed_place=number).with_columns(**columns)
    tables.write(path, table.select(*INSTRUCTIONS, "difficulty"))


def card_figures(figures: Figures, rows: int) -> None:
    """Take seconds and memory of the card and the Croissant file of some rows in all formats."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sources = carded.sources(root)
        make_up_rows(sources.dataset, rows)
        carded.export(sources, carded.ALL, root / "export")
        started = time.monotonic()
        described = card.describe(sources)
        card.write_card(root / "export", described)
        croissant.write_croissant(root / "export", described)
        seconds = time.monotonic() - started
    figures.at_most(f"card and Croissant of {rows:,} rows", seconds, SECONDS, "s")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    figures = Figures()
    card_figures(figures, parser.parse_args().rows)
    # The exports are made in the same process and take more than the card.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory with the exports: {peak:.2f} GiB")
    figures.print()


if __name__ == "__main__":
    main()
