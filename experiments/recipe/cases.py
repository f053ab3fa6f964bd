"""Cases: what each level of a factor made of the same row, one under the other.

What a model wrote is data: it is in fenced blocks, where Markdown and HTML mean nothing, and what a
terminal would obey is made visible.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evobuild.core.escaping import on_terminal
from experiments.recipe.views import DRY, Source, unchanged

WIDTH = 100
"""Characters of a line, after which it is broken between words."""


@dataclass(frozen=True)
class Cases:
    """Rows of each data set that every level of a factor has a child of, drawn by their ids.

    The measure gives parent_id, before and after: a child's parent, and both texts. count: rows of each
    data set that are shown.
    """

    title: str
    measure: Source
    factor: str
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = unchanged
    count: int = 3

    def markdown(self, frame: pl.DataFrame, drawing: Path, dry: bool) -> str:
        """Show the cases, data set by data set."""
        levels = frame[self.factor].unique(maintain_order=True)
        of_all = pl.col(self.factor).n_unique().over("data", "parent_id") == len(levels)
        found = self.prepare(frame).filter(of_all)
        parts = []
        for rows in found.partition_by("data", maintain_order=True):
            drawn = sorted(rows["parent_id"].unique(), key=_place)[: self.count]
            for case in (rows.filter(parent_id=parent) for parent in drawn):
                own = {row[self.factor]: row["after"] for row in case.iter_rows(named=True)}
                parts.append(f"### {case['data'][0]}, row `{case['parent_id'][0]}`")
                parts += _format("seed", case["before"][0], False)
                parts += [part for level in levels for part in _format(level, own[level], dry)]
        return "\n\n".join(parts) or "No row has a child of each."


def _place(row: str) -> bytes:
    """Return the position of a row among those that can be sampled: adding a row moves no other."""
    return hashlib.blake2b(row.encode()).digest()


def _format(label: str, text: str, dry: bool) -> tuple[str, str]:
    return f"{DRY} {label}:" if dry else f"{label}:", fenced(text)


def fenced(text: str) -> str:
    """Lay a text out as a block of its own, behind fences longer than any in it."""
    lines = [
        textwrap.fill(line, WIDTH, replace_whitespace=False, break_long_words=False, break_on_hyphens=False)
        for line in on_terminal(text).split("\n")
    ]
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *lines, fence])
