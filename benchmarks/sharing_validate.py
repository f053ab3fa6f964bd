"""How long `validate` takes, and in what memory, on a line of 1,000,000 rows.

Made-up tables of two pools, nearly all of whose rows are chosen (`made_line`). Run as:
python benchmarks/sharing_validate.py [rows]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import yaml
from figures import Figures
from line import measured
from made_line import line_params, write_line

ROOT = Path(__file__).parents[1]
SECONDS, GIB = 20.0, 3.0
LENGTH = 3
"""Sentences of an instruction; an answer has twice as many."""


def hold(rows: int) -> tuple[float, float]:
    """Write the line, and hold it: seconds, and peak memory in GiB."""
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        root = Path(folder)
        write_line(root, rows, LENGTH)
        (root / "params.yaml").write_text(yaml.safe_dump(line_params()), encoding="utf-8")
        for name in ("settings/validate.json", "validation/none", "preferences/none"):
            (root / "data" / name).parent.mkdir(exist_ok=True)
            (root / "data" / name).touch()
        command = ["-m", "stages.validate", "--expectations", str(ROOT / "expectations")]
        return measured([sys.executable, *command], root, PYTHONPATH=str(ROOT))


def main() -> None:
    """Print the figures."""
    rows, figures = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, Figures()
    seconds, peak = hold(rows)
    figures.at_most(f"seconds of validate, {rows:,} rows", seconds, SECONDS, "s")
    figures.at_most(f"memory of validate, {rows:,} rows", peak, GIB, "GiB")
    figures.print()


if __name__ == "__main__":
    main()
