"""What ten million rows take, what is gained by more workers, and what a lost one costs.

    python benchmarks/scale.py [PART...]

All parts unless some are named: minutes to an hour each on two cores, and up to 40 GB of disk in TMPDIR.
Prints each figure as it comes and, last, one JSON object: figure -> {"value", "must", "holds"}; a figure that
could not be taken has no entry and is named. With Ray and vLLM on a CPU: `make test-engines`, then
.venv-engines/bin/python instead. Part gpu needs a GPU, and says so without one.
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

PARTS = {
    "seed": ("scale_seed", ""),
    "evolve": ("scale_evolve", ""),
    "pipeline": ("scale_line", ""),
    "store": ("scale_store", ""),
    "select": ("scale_select", ""),
    "validate": ("scale_validate", ""),
    "tables": ("scale_tables", ""),
    "contamination": ("scale_contamination", ""),
    "minhash": ("scale_minhash", "datasketch"),
    "diversity": ("scale_diversity", "faiss"),
    "dag": ("scale_dag", ""),
    "workers": ("scale_ray", "ray"),
    "killed": ("scale_ray_killed", "ray"),
    "gpu": ("scale_gpu", ""),
    "vllm": ("engine_vllm", "vllm"),
}
"""The module of each part, and the package that it needs. vLLM last: it binds the process to its cores."""


def take(figures: Figures, part: str) -> None:
    """Take the figures of one part; the next finds the environment as it was."""
    module, package = PARTS[part]
    if package and importlib.util.find_spec(package) is None:
        print(f"not taken: {part}; {package} is not installed")
        return
    with mock.patch.dict(os.environ):
        importlib.import_module(module).run(figures)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    of_parts(__doc__, tuple(PARTS), take)
