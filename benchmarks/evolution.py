"""Whether evolution does what is promised, and how fast: verdicts, the loop over methods, the explorer.

    tests/browser/install.sh; python benchmarks/evolution.py [PART...]

All parts unless some are named, a minute on two cores. Prints each figure as it comes and, last, one
JSON object: figure -> {"value", "must", "holds"}. The explorer needs Chromium.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from figures import Figures, of_parts

ROOT = Path(__file__).parent.parent

PARTS = ("verdicts", "optimize", "explorer")


def take(figures: Figures, part: str) -> None:
    """Take the figures of one part."""
    importlib.import_module(f"evolution_{part}").run(figures)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    of_parts(__doc__, PARTS, take)
