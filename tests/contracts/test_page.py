"""docs/contracts.md names every table that has a suite, and every column of it."""

from __future__ import annotations

import re
from pathlib import Path

from contract_line import Line, line_params, output_params
from workspace import ROOT

from evobuild.contracts.line import line_tables
from evobuild.contracts.output_tables import output_tables

ROW = re.compile(r"^\| `(\w+)` \| .* \| ((?:`\w+`(?:, )?)+) \|$", re.MULTILINE)


def test_the_page_has_all_tables_and_their_columns(tmp_path: Path) -> None:
    line = Line(tmp_path)
    given, _ = line_tables(line_params(), line.sources, None)
    outputs, _ = output_tables(output_params(), line.outputs)
    found = {table.name: set(table.rows.collect_schema().names()) for table in (*given, *outputs)}
    page = (ROOT / "docs/contracts.md").read_text()
    written = {name: set(re.findall(r"`(\w+)`", columns)) for name, columns in ROW.findall(page)}
    assert written == found
