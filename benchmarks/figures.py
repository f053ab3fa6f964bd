"""The figures of a benchmark: printed as they come and, last, as one JSON object."""

from __future__ import annotations

import json


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
        self._found[name] = {"value": round(value, 3), "must": must, "holds": holds}
        print(f"{name}: {value:,.2f} (must be {must})", flush=True)

    def print(self) -> None:
        """Print all as one JSON object."""
        print(json.dumps(self._found))
