"""The stage `validate` where every table has 10,000,000 rows.

    EVOBUILD_BENCH_ROWS=10000000 python benchmarks/scale.py validate

The tables of `made_line`.
"""

from __future__ import annotations

import os

from figures import Figures
from sharing_validate import hold

ROWS = int(os.environ.get("EVOBUILD_BENCH_ROWS", "10000000"))


def run(figures: Figures) -> None:
    """Write the tables, and hold them."""
    seconds, peak = hold(ROWS)
    print(f"{ROWS / seconds:,.0f} rows/s", flush=True)
    figures.at_most(f"validate, {ROWS:,} rows, peak memory", peak, 4, "GB")
