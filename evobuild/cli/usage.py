"""`python -m evobuild usage`: what was really called and paid here, and how long it took, by stage and role.

Read from the progress files that stages keep beside the caches. A call that was answered by the reply cache
costs nothing; of an interrupted run what it had spent is carried on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evobuild.core.errors import UserError
from evobuild.core.json_files import read_json_file
from evobuild.models.progress import FOLDER

COUNTS = ("calls", "cached", "failed", "prompt_tokens", "completion_tokens")
HEADER = (
    "task",
    "role",
    "calls",
    "cached",
    "failed",
    "prompt tokens",
    "completion tokens",
    "seconds",
    "cost",
)


def usage_table(folder: Path = FOLDER) -> str:
    """Lay out what each task took of each role's model, and the sums. Raises UserError if nothing ran."""
    taken = [(file.stem, read_json_file(file)) for file in sorted(folder.glob("*.json"))]
    if not taken:
        raise UserError(f"{folder} holds nothing: no stage has asked a chat model here")
    rows = [_row(name.removesuffix(f"-{content['role']}"), content) for name, content in taken]
    costs = [row[8] for row in rows if row[8] is not None]
    figures = [sum(row[place] for row in rows) for place in range(2, 8)]
    sums = ["all", "", *figures, sum(costs) if costs else None]
    return "".join(f"{line}\n" for line in _lines([*rows, sums]))


def _row(task: str, content: Any) -> list[Any]:
    purposes = content["purposes"].values()
    counts = [sum(purpose[name] for purpose in purposes) for name in COUNTS]
    return [task, content["role"], *counts, content["seconds"], content["cost"]]


def _lines(rows: list[list[Any]]) -> Iterator[str]:
    yield _line([*HEADER])
    for row in rows:
        yield _line([*row[:2], *(f"{count:,}" for count in row[2:7]), f"{row[7]:,.2f}", _cost(row[8])])


def _line(cells: list[str]) -> str:
    return f"{cells[0]:<22}{cells[1]:<11}" + "".join(f"{cell:>18}" for cell in cells[2:])


def _cost(cost: float | None) -> str:
    return "–" if cost is None else f"{cost:,.4f}"
