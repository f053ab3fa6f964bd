"""Whether evolution does what is promised, and how fast: verdicts, the loop over methods, the explorer.

    tests/browser/install.sh; python benchmarks/evolution.py [PART...]

All parts unless some are named, a minute on two cores. Prints each figure as it comes and, last, one
JSON object: figure -> {"value", "must", "holds"}. The explorer needs Chromium.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from figures import Figures

ROOT = Path(__file__).parent.parent

PARTS = ("verdicts", "optimize", "explorer")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default="all", choices=("all", *PARTS))
    chosen = parser.parse_args().parts
    figures = Figures()
    for part in PARTS:
        if part in chosen or "all" in chosen:
            importlib.import_module(f"evolution_{part}").run(figures)
    figures.print()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
