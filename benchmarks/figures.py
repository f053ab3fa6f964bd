"""The figures of a benchmark: printed as they come and, last, as one JSON object."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


class Figures:
    """The figures of one run."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, object]] = {}

    def at_most(self, name: str, value: float, must: float, unit: str) -> None:
        """Take a figure that must not be larger than `must`."""
        self._take(name, value, f"<= {must:,} {unit}", value <= must)

    def at_least(self, name: str, value: float, must: float, unit: str) -> None:
        """Take a figure that must not be smaller than `must`."""
        self._take(name, value, f">= {must:,} {unit}", value >= must)

    def _take(self, name: str, value: float, must: str, holds: bool) -> None:
        self._found[name] = {"value": round(float(value), 3), "must": must, "holds": bool(holds)}
        print(f"{name}: {value:,.2f} (must be {must})", flush=True)

    def of_script(self, script: Path) -> None:
        """Take the figures of another benchmark, in a process of its own."""
        command = [sys.executable, str(script)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=1800).stdout
        lines, _, last = said.rstrip().rpartition("\n")
        print(lines, flush=True)
        self._found |= json.loads(last)

    def print(self) -> None:
        """Print all as one JSON object."""
        print(json.dumps(self._found))


def of_parts(about: str | None, parts: Sequence[str], take: Callable[[Figures, str], None]) -> None:
    """Take the figures of the parts that the command line names, or of all, and print them."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default="all", choices=("all", *parts))
    chosen = parser.parse_args().parts
    figures = Figures()
    for part in parts:
        if part in chosen or "all" in chosen:
            take(figures, part)
    figures.print()
