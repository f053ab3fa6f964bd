"""Tables as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay rows of as many cells out as lines: the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield "  ".join([row[0].ljust(widths[0]), *cells]).rstrip()


def shown(value: float | None, mark: str = "", digits: int = 0) -> str:
    """Write a number, "-" for none. mark: what stands before it, such as "≤ "."""
    return "-" if value is None else f"{mark}{value:,.{digits}f}"
