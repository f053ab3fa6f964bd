"""Format numbers."""

from __future__ import annotations


def format_number(value: float | None, mark: str = "", digits: int = 0) -> str:
    """Format a number; None becomes "-". mark: a prefix such as "≤ "."""
    return "-" if value is None else f"{mark}{value:,.{digits}f}"
