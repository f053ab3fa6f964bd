"""What hostile text, servers, files and neighbours do to the line, against what is promised.

    python benchmarks/firm.py [PART...]

All parts unless some are named. Prints each figure as it comes and, last, one JSON object: figure ->
{"value", "must", "holds"}.

readers  model-written text of many adversarial families through every function that reads some
servers  servers that answer in hostile ways, under a stage
outages  servers that are bad all the time, and two builds with one reply cache
draws    calls that added seed rows cause, by stage and strategy
shared   two builds with one reply cache, both killed
kill     the whole line killed at random moments, and what is left of it after the next run
input    bad params, files, arguments and environments
rows     every row of the real data sets through every simulated reply
sandbox  programs that attack the sandbox, as root and as a normal user
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from unittest import mock

from figures import Figures, of_parts

PARTS = ("readers", "servers", "outages", "draws", "shared", "kill", "input", "rows", "sandbox")


def take(figures: Figures, part: str) -> None:
    """Take the figures of one part; the next finds the environment as it was."""
    with mock.patch.dict(os.environ):
        importlib.import_module(f"firm_{part}").run(figures)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    of_parts(__doc__, PARTS, take)
