"""Figures as text."""

from __future__ import annotations


def format_number(value: float | None, mark: str = "", digits: int = 0) -> str:
    """Write a number, "-" for none. mark: what stands before it, such as "≤ "."""
    return "-" if value is None else f"{mark}{value:,.{digits}f}"
