"""Every extra that a message or a page tells to install is one of pyproject.toml."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspace import ROOT

EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
MODULES = sorted([*(ROOT / "evobuild").rglob("*.py"), *(ROOT / "stages").glob("*.py")])
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def required(path: Path) -> Iterator[str]:
    """The extras that a module gives to `require`, by name or by its own EXTRA."""
    tree = ast.parse(path.read_text())
    own = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require":
            extra = node.args[1]
            yield str(extra.value) if isinstance(extra, ast.Constant) else own[ast.unparse(extra)]


def written(path: Path) -> set[str]:
    """The extras that a text names as evobuild[train,diversity]."""
    names = re.findall(r"evobuild\[([a-z,_-]+)\]", path.read_text())
    return {name for found in names for name in found.split(",")}


def test_what_code_requires_is_there() -> None:
    found = {extra for path in MODULES for extra in required(path)}
    assert {"train", "data", "eval"} <= found <= EXTRAS


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_a_page_installs_is_there(path: Path) -> None:
    assert written(path) <= EXTRAS


def test_what_a_message_installs_is_there() -> None:
    found = set().union(*map(written, MODULES))
    assert {"diversity", "lm-eval"} <= found <= EXTRAS
