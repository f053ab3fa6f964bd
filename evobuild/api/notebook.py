"""Render results for a notebook, as bounded tables of escaped text: the content of models is untrusted."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

import polars as pl

ROWS = 8
"""Rows that a table shows."""
CHARACTERS = 300
"""Characters that a cell shows."""
LINKS = ("content_id", "seed_id", "parent_id", "seed_place")
"""Columns of lineage, which nobody reads in a table."""

_STYLE = (
    "<style>.evobuild :is(th, td, pre) "
    "{text-align: left; vertical-align: top; white-space: pre-wrap; overflow-wrap: anywhere}</style>"
)


def render_tables(**tables: pl.DataFrame) -> str:
    """Render tables as HTML, each below its name and number of rows; of an empty one the name alone.

    Columns without a value are left out, as are those of lineage; a line below the table names them.
    """
    blocks = (_render_table(name, table) for name, table in tables.items())
    return _in_div("".join(blocks))


def render_text(name: str, text: str) -> str:
    """Render a text as HTML below its name, whole."""
    return _in_div(f"<p><b>{html.escape(name)}</b></p><pre>{html.escape(text)}</pre>")


def _in_div(content: str) -> str:
    # Jupyter would typeset $…$ in what a model wrote.
    return f'{_STYLE}<div class="evobuild tex2jax_ignore mathjax_ignore">{content}</div>'


def _render_table(name: str, table: pl.DataFrame) -> str:
    first = table.head(ROWS)
    shown = [column for column in table.columns if column not in LINKS and _has_value(first[column])]
    left_out = [column for column in table.columns if column not in shown]
    more = f", the first {ROWS}" if table.height > ROWS else ""
    block = f"<p><b>{html.escape(name)}</b>: {table.height:,}{more}</p>"
    if not table.height:
        return block
    head = _render_row("th", map(html.escape, shown))
    body = "".join(_render_row("td", map(_render_cell, row)) for row in first.select(shown).iter_rows())
    note = f"<p><small>not shown: {html.escape(', '.join(left_out))}</small></p>" if left_out else ""
    return f"{block}<table><thead>{head}</thead><tbody>{body}</tbody></table>{note}"


def _render_row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def _has_value(column: pl.Series) -> bool:
    return any(value is not None and value != "" and value != [] for value in column.to_list())


def _render_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.4g}"
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    cut = text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}…"
    return html.escape(cut)
