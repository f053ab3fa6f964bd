"""What files, models and servers wrote is tame where it is shown: as a name, in a table, on a terminal."""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from workspace import ROOT

from evobuild.core.csv_files import write_csv
from evobuild.core.escaping import LONGEST, on_page, on_terminal, safe_name
from evobuild.process.terminal import log, print_text

HOSTILE = (
    "</script><script>alert(1)</script>", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1",
    "＝1＋1", "\x1b[2J\x1b]0;title\x07", "a\rb\nc", "\x9b31m", "\u202etxt.exe", "\u2067x\u2069", "\u2028",
    "\ud800", "", "\0", "'" * 9, '"', "`id`", "$(id)", "{{ 7 * 7 }}", "a,b;c|d", "x" * 100_000,
    "\u0301" * 500, "😀 emoji", "﷽" * 99,
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_has_words_of_a_safe_alphabet_and_length(text: str) -> None:
    name = safe_name(text)
    assert len(name) <= LONGEST and safe_name(name) == name
    assert all(each in " _/+.-" or unicodedata.category(each)[0] in "LMN" for each in name)
    assert name == "" or unicodedata.category(name[0])[0] in "LMN"


@pytest.mark.parametrize(
    "name", ["code", "chat", "open qa", "flan/v2", "数学", "हिन्दी", "C++ 17", "gsm8k_main"]
)
def test_a_safe_name_stays_as_it_is(name: str) -> None:
    assert safe_name(name) == name


def test_names_of_markup_and_formulas_keep_their_words() -> None:
    assert [safe_name(each) for each in ("=cmd|calc", "<b>Q&A", "@SUM(1)")] == ["cmd_calc", "b_Q_A", "SUM_1"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("as_frame", [True, False])
def test_a_cell_of_a_table_is_no_formula_and_no_markup(text: str, as_frame: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    cells = {"name": [text.encode("utf-8", "replace").decode()], "rows": [-1.5]}
    write_csv(path, pl.DataFrame(cells) if as_frame else [{"name": text, "rows": -1.5}])
    content = path.read_text(encoding="utf-8")
    assert not set("<>\x1b\r\0\x9b\u202e\u2028") & set(content)
    [row] = csv.DictReader(content.splitlines())
    assert row["rows"] == "-1.5"
    assert not row["name"].lstrip().startswith(tuple("=+-@＝＋－＠"))


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", pl.DataFrame(schema={"pool": pl.String, "rows": pl.Int64}))
    assert (tmp_path / "a.csv").read_text() == "pool,rows\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_said_steers_a_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_text(f"{text}\n")
    log(text)
    said = "".join(capsys.readouterr())
    unseen = {each for each in said if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")} - {"\t", "\n"}
    assert not unseen and not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(said)
    assert on_terminal(said) == said


def test_a_page_shows_turns_of_direction_and_keeps_right_to_left_text() -> None:
    assert on_page("if admin\u202e; begin \u2066x\u2069") == "if admin<U+202E>; begin <U+2066>x<U+2069>"
    assert on_page("שלום עולם\u200f, 5\n") == "שלום עולם\u200f, 5\n"


def test_standard_streams_are_written_through_these_alone() -> None:
    """A message that goes another way would go raw."""
    library = [
        *(ROOT / "evobuild").rglob("*.py"),
        *(ROOT / "stages").glob("*.py"),
        *(ROOT / "experiments").rglob("*.py"),
    ]
    inside = ROOT / "evobuild/sandbox/inside"
    found = {
        path.relative_to(ROOT).as_posix()
        for path in library
        if inside not in path.parents
        and any(each in path.read_text() for each in ("stdout.write", "stderr.write", "sys.exit(f", "print("))
    }
    # Programs that they hold as text.
    found -= {"evobuild/simulation/autoif.py", "evobuild/training/card/generating.py"}
    # A process of its own, which writes to a pipe.
    found -= {"evobuild/evaluation/symbolic.py"}
    assert found == {"evobuild/process/terminal.py"}
