"""What the engines, the reply cache and a plan cost, against what is promised.

    python benchmarks/engines.py [PART...]

All parts unless some are named, some ten minutes on two cores. Prints each figure as it comes and, last, one
JSON object: figure -> {"value", "must", "holds"}; a figure that could not be taken has no entry and is
named. With vLLM on a CPU: `make test-engines`, then .venv-engines/bin/python instead.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

from figures import Figures, of_parts

ROOT = Path(__file__).parent.parent
# vLLM last: it binds the process to its cores.
PARTS = ("openai", "store", "transformers", "plan", "vllm")


def plan(figures: Figures) -> None:
    """Seconds of `evobuild plan` on the repository's own line, the best of three."""
    took = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "evobuild", "plan"], cwd=ROOT, check=True, capture_output=True)
        took.append(time.monotonic() - began)
    figures.at_most("plan of the default line", min(took), 2, "s")


def take(figures: Figures, part: str) -> None:
    """Take the figures of one part; the next finds the environment as it was."""
    if part == "vllm" and importlib.util.find_spec("vllm") is None:
        print(
            "not taken: vllm; `make test-engines`, then .venv-engines/bin/python benchmarks/engines.py vllm"
        )
    elif part == "plan":
        plan(figures)
    else:
        with mock.patch.dict(os.environ):
            importlib.import_module(f"engine_{part}").run(figures)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    of_parts(__doc__, PARTS, take)
