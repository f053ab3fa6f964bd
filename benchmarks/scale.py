"""What is gained by more workers, and what a lost one costs.

    python benchmarks/scale.py [PART...]

All parts unless some are named, minutes on two cores. Prints each figure as it comes and, last, one JSON
object: figure -> {"value", "must", "holds"}; a figure that could not be taken has no entry and is named. With
Ray and vLLM on a CPU: `make test-engines`, then .venv-engines/bin/python instead.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from unittest import mock

from figures import Figures, of_parts

ROOT = Path(__file__).parent.parent

NEEDS = {"workers": "ray", "killed": "ray", "vllm": "vllm"}
"""The package of each part. vLLM last: it binds the process to its cores."""

MODULES = {"workers": "scale_ray", "killed": "scale_ray_killed", "vllm": "engine_vllm"}


def take(figures: Figures, part: str) -> None:
    """Take the figures of one part; the next finds the environment as it was."""
    if importlib.util.find_spec(NEEDS[part]) is None:
        print(f"not taken: {part}; `make test-engines`, then .venv-engines/bin/python {sys.argv[0]} {part}")
        return
    with mock.patch.dict(os.environ):
        importlib.import_module(MODULES[part]).run(figures)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    of_parts(__doc__, tuple(NEEDS), take)
