"""What the program says, on the terminal or into a log: nothing of it steers a terminal.

Messages quote what models and servers wrote, and names of files and of stored models.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from evobuild.core.escaping import on_terminal


def print_text(text: str) -> None:
    """Write an answer to standard output, as it is but for what a terminal would obey."""
    sys.stdout.write(on_terminal(text))


def log(message: object) -> None:
    """Write a line to standard error: what happens, or what is wrong.

    A log that nobody reads any more stops nothing.
    """
    with suppress(BrokenPipeError):
        sys.stderr.write(f"{on_terminal(str(message))}\n")
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """Format a duration: "0.4 s", "14.2 s", "3 min 05 s", "2 h 10 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def print_table(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> None:
    """Write a table to standard output: drawn by Rich on a terminal, else as text in columns.

    rows: of as many cells each, the header first. right: columns of figures.
    """
    tame = [[on_terminal(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(tame, right)
    else:
        print_text("".join(f"{line}\n" for line in aligned(tame, right)))


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> Iterator[str]:
    """Lay rows of as many cells out as lines, cells below one another. right: columns of figures."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _draw(rows: Sequence[Sequence[str]], right: Collection[int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, cell in enumerate(rows[0]):
        table.add_column(Text(cell), justify="right" if place in right else "left", overflow="fold")
    for row in rows[1:]:
        # As text, so that brackets in a name are no markup.
        table.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, highlight=False).print(table)
