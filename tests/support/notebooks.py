"""The code cells of a notebook, run one after the other as Jupyter does, but without a kernel.

    python tests/support/notebooks.py docs/tutorial.ipynb

runs a notebook in an empty folder and writes into it what its cells show.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

Content = dict[str, Any]


def read_notebook(path: Path) -> Content:
    """Read a notebook."""
    content: Content = json.loads(path.read_text(encoding="utf-8"))
    return content


def code_cells(notebook: Content) -> list[Content]:
    """The cells that run."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run_notebook(notebook: Content) -> list[list[Content]]:
    """Run all code cells in one namespace, in the current folder; give the outputs of each."""
    names: Content = {"__name__": "__main__"}
    return [
        _run_cell("".join(cell["source"]), number, names)
        for number, cell in enumerate(code_cells(notebook), 1)
    ]


def _run_cell(source: str, number: int, names: Content) -> list[Content]:
    """Run one cell: what it prints, then the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)  # noqa: S102
        value = eval(compile(last, f"cell {number}", "eval"), names) if last else None
    shown: list[Content] = []
    if printed.getvalue():
        shown.append({"name": "stdout", "output_type": "stream", "text": _lines(printed.getvalue())})
    if value is not None:
        data = (
            {"text/html": _lines(value._repr_html_())}
            if hasattr(value, "_repr_html_")
            else {"text/plain": _lines(repr(value))}
        )
        result = {"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"}
        shown.append(result)
    return shown


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main(path: Path) -> None:
    """Run a notebook in an empty folder, and write what its cells show into it."""
    path, notebook = path.absolute(), read_notebook(path)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        shown = run_notebook(notebook)
        os.chdir(path.parent)
    for number, (cell, outputs) in enumerate(zip(code_cells(notebook), shown, strict=True), 1):
        cell |= {"execution_count": number, "outputs": outputs}
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
