"""A wrong name is met with near names, else with all; every message about one says it in the same way."""

from __future__ import annotations

import re

import pytest
from workspace import ROOT

from evobuild.core.suggestions import suggest, unknown_name

BENCHMARKS = ["gsm8k", "ifeval", "mt_bench", "math", "ceval"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gsmk8", "did you mean 'gsm8k'?"),
        ("MT-Bench", "did you mean 'mt_bench'?"),
        ("ifevall", "did you mean 'ifeval' or 'ceval'?"),
        ("bench", "did you mean 'mt_bench'?"),
        ("x", "choose from: gsm8k, ifeval, mt_bench, math, ceval"),
        ("", "choose from: gsm8k, ifeval, mt_bench, math, ceval"),
    ],
)
def test_near_names_are_suggested_and_all_of_them_if_none_is_near(name: str, said: str) -> None:
    assert suggest(name, BENCHMARKS) == said


def test_at_most_three_are_suggested_the_nearest_first() -> None:
    known = ["models.judge", "judged", "judges_2", "ju"]
    assert suggest("judge", known) == "did you mean 'models.judge', 'judged' or 'judges_2'?"


def test_long_lists_and_names_are_cut_and_empty_ones_are_said() -> None:
    said = unknown_name("row", "x" * 500, map(str, range(100)), "none")
    assert said.startswith(f"unknown row '{'x' * 80}'; choose from: 0, 1, 2,")
    assert said.endswith("39 and 60 more, or none")
    assert unknown_name("base", "x", []) == "unknown base 'x'; none is defined"


def test_no_other_module_looks_for_near_names() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("evobuild", "stages")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"difflib\.get_close_matches|did you mean", path.read_text(encoding="utf-8"))
    }
    assert found == {"evobuild/core/suggestions.py"}
