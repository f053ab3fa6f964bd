"""Reasons why rows are lost: one list that stages, figures and pages agree on."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from evobuild.core import tables
from evobuild.core.reasons import all_reasons, reason_meanings, reasons_of
from evobuild.core.rejects import REJECTS, Reject, ledger
from evobuild.core.stages import STAGES

GIVEN_AT = {"Reject": 1, "Failure": 0, "UnreadableVerifier": 0}
"""What carries a reason, and the place of the reason among its arguments."""


def test_each_reason_stands_once_and_says_something():
    assert max(Counter(reason.name for reason in all_reasons()).values()) == 1
    assert all(reason.meaning and reason.stages for reason in all_reasons())
    assert list(reason_meanings()) == [reason.name for reason in all_reasons()]


def test_reasons_are_given_by_stages_that_there_are():
    known = {stage.name for stage in STAGES}
    assert {name for reason in all_reasons() for name in reason.stages} <= known
    assert all(len(set(reason.stages)) == len(reason.stages) for reason in all_reasons())


def test_the_reasons_of_a_stage_stand_in_the_order_of_the_list():
    assert reasons_of("compose")[:3] == ("empty instruction", "exact duplicate", "not drawn")
    assert reasons_of("crosscheck")[0] == "not drawn"
    assert reasons_of("summarize") == ()


def test_a_reason_that_is_not_listed_is_a_bug():
    lost = [Reject("a", "empty", "", ""), Reject("b", "no such", "", ""), Reject("c", "Empty", "", "")]
    with pytest.raises(ValueError, match=r"rejects for Empty, no such, which core/reasons\.py does not have"):
        ledger(3, 0, tables.frame(REJECTS, lost))


def constants(tree: ast.Module) -> dict[str, str]:
    """The texts that a module gives a name."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def texts(node: ast.expr, named: dict[str, str]) -> Iterator[str]:
    """The texts that an expression is known to give."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in named:
        yield named[node.id]
    elif isinstance(node, ast.IfExp):
        yield from (*texts(node.body, named), *texts(node.orelse, named))


def reasons_in(source: str) -> Iterator[str]:
    """The reasons that a module is seen to give: as they are written, or by a name of the module."""
    tree = ast.parse(source)
    named = constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func).rpartition(".")[2]) in GIVEN_AT:
            yield from (text for each in node.args[GIVEN_AT[name] :][:1] for text in texts(each, named))
            yield from (
                text for each in node.keywords if each.arg == "reason" for text in texts(each.value, named)
            )


def test_reasons_are_found_however_they_are_written():
    source = """
LOST = "named"
def lose(row, cut, found):
    Reject(row.id, "plain", "", "a reply")
    rejects.Reject(row.id, "cut" if cut else LOST, "", "")
    Reject(row.id, reason="by keyword", detail="", reply="")
    Reject(row.id, *found, "")
    raise UnreadableVerifier("raised")
"""
    assert list(reasons_in(source)) == ["plain", "cut", "named", "by keyword", "raised"]


def test_every_reason_that_the_library_gives_is_listed():
    found = Counter(
        reason
        for folder in ("evobuild", "stages")
        for path in Path(folder).rglob("*.py")
        for reason in reasons_in(path.read_text(encoding="utf-8"))
    )
    assert found.keys() <= reason_meanings().keys(), found.keys() - reason_meanings().keys()
    assert {"unparsable", "no tags", "grew too long", "several functions", "empty answer"} <= found.keys()
