"""What a grown source asks anew: 2,000 seed rows and 20 more, by four strategies.

    python benchmarks/firm.py draws

Stages run in this process with the simulated models. At the end of the source, where files grow, no stage may
have more than 1.5 % new calls. Rows put in at the front or anywhere take part in draws of few rows at once;
of these builds only the stages count that ask about every row. Takes some three minutes.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from figures import Figures

ROOT = Path(__file__).parent.parent
ROWS, MORE, ROUNDS = 2000, 20, 2
OF_EACH_ROW = ("evolve", "respond", "rate")
ELSEWHERE = ("auto, e0", "evol")
"""Strategies that draw nothing on which all rows depend."""


def run(figures: Figures) -> None:
    """Take the figures of growth."""
    sys.path.insert(0, str(ROOT / "tests/support"))
    import growth

    records = growth.made_records(ROWS + MORE)
    worst, moved, methods, leaked = 0.0, 0.0, True, 0
    for strategy in growth.STRATEGIES:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "project"
            growth.lay_out(project, strategy, ROUNDS)
            before = growth.build(project, records[:ROWS], strategy)
            for where in ("end", *(("front", "random") if strategy in ELSEWHERE else ())):
                grown = Path(folder) / where
                shutil.copytree(project, grown)
                more = growth.put_in(records[:ROWS], records[ROWS:], where)
                after = growth.build(grown, more, strategy)
                print(f"{strategy}, {where}: {after.new} of {after.asked}")
                leaked += len(before.held_out & after.r0)
                if where == "end":
                    worst, methods = max(worst, after.worst[0]), methods and after.method == before.method
                else:
                    of_each = [after.shares[name] for name in after.asked if name.split()[0] in OF_EACH_ROW]
                    moved = max(moved, *of_each)
    figures.at_most("draws: new calls of any stage, 1 % more rows at the end", 100 * worst, 1.5, "%")
    figures.at_most("draws: the same where every row is asked about, put in elsewhere", 100 * moved, 1.5, "%")
    figures.at_least("draws: e* unchanged", float(methods), 1, "(1: it is)")
    figures.at_most("draws: held-out rows that entered r0", leaked, 0, "rows")
