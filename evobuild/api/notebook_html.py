"""Records as HTML for a notebook: texts, and bounded tables, escaped, as models' text is untrusted."""

from __future__ import annotations

import json
from html import escape
from typing import Any, Protocol

import polars as pl

ROWS = 8
"""Rows that a table shows."""
CHARACTERS = 300
"""Characters that a cell shows."""
LINKS = ("content_id", "seed_id", "parent_id", "seed_place")
"""Columns of lineage, which are not shown."""
_STYLE = (
    "<style>.evobuild :is(th, td, pre) "
    "{text-align: left; vertical-align: top; white-space: pre-wrap; overflow-wrap: anywhere}</style>"
)


class Record(Protocol):
    """A named tuple."""

    def _asdict(self) -> dict[str, Any]: ...


def render_html(record: Record) -> str:
    """Render the fields of a record below their names: texts whole, tables without their empty columns."""
    blocks = (
        _render_table(name, value) if isinstance(value, pl.DataFrame) else _render_text(name, value)
        for name, value in record._asdict().items()
    )
    # Jupyter would typeset $…$ in what a model wrote.
    return f'{_STYLE}<div class="evobuild tex2jax_ignore mathjax_ignore">{"".join(blocks)}</div>'


def _render_text(name: str, value: object) -> str:
    return f"<p><b>{escape(name)}</b></p><pre>{escape(str(value))}</pre>"


def _render_table(name: str, table: pl.DataFrame) -> str:
    more = f", the first {ROWS}" if table.height > ROWS else ""
    block = f"<p><b>{escape(name)}</b>: {table.height:,}{more}</p>"
    if not table.height:
        return block
    first = table.head(ROWS)
    cells = {column: [_render_cell(value) for value in first[column].to_list()] for column in table.columns}
    shown = [column for column, values in cells.items() if any(values) and column not in LINKS]
    head = "".join(f"<th>{escape(column)}</th>" for column in shown)
    rows = zip(*(cells[column] for column in shown), strict=True)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    left_out = escape(", ".join(column for column in cells if column not in shown))
    note = f"<p><small>not shown: {left_out}</small></p>" if left_out else ""
    return f"{block}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def _render_cell(value: Any) -> str:
    if value is None or value == []:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else value
    text = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, default=str)
    return escape(text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}…")
