"""Tables: plain columns in a pipe, drawn on a terminal, and in both nothing that steers it."""

from __future__ import annotations

import io
import sys

import pytest

from evobuild.process.terminal import print_table

ROWS = [("stage", "calls"), ("evolve@r1", "1,200"), ("a [bold]\x1b[2J", "7")]


def test_a_pipe_gets_columns_of_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(ROWS, right=(1,))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:2]] == [["stage", "calls"], ["evolve@r1", "1,200"]]
    assert lines[2].startswith("a [bold]") and lines[2].endswith("7") and "\x1b" not in lines[2]
    assert len(set(map(len, lines))) == 1


def test_a_terminal_gets_a_drawn_table_whose_cells_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    print_table(ROWS, right=(1,))
    said = screen.getvalue()
    assert "\x1b[1m" in said and "a [bold]" in said and "\x1b[2J" not in said
