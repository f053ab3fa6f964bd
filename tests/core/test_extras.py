"""pyproject.toml declares each package that code imports, and each extra that a message or page names."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from workspace import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = set(PROJECT["optional-dependencies"])
MODULES = sorted([*(ROOT / "evobuild").rglob("*.py"), *(ROOT / "stages").glob("*.py")])
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
OWN = {"evobuild", "stages"}
OTHER_NAMES = {"faiss": "faiss-cpu", "ruamel": "ruamel.yaml", "sklearn": "scikit-learn", "yaml": "PyYAML"}
"""Packages whose import name is not their own."""
PLAIN_IMPORTS = {
    "evobuild/cli/publish/hub_errors.py": "data",
    "evobuild/cli/publish/hub.py": "data",
    "evobuild/evaluation/symbolic.py": "eval",
    "evobuild/training/card/card.py": "train",
    "evobuild/training/running/callbacks.py": "train",
    "evobuild/training/running/reading.py": "train",
    "evobuild/training/running/trainer.py": "train",
    "evobuild/weights/packing.py": "train",
}
"""Modules that import packages of an extra without `require`, because their callers require it first."""


def required(path: Path) -> Iterator[tuple[str, str]]:
    """The import names and extras that a module gives to `require`, the extra by name or by its own EXTRA."""
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
            module, extra = node.args
            assert isinstance(module, ast.Constant), f"{path}:{node.lineno}: name the module literally"
            found = extra.value if isinstance(extra, ast.Constant) else own[ast.unparse(extra)]
            yield str(module.value), str(found)


def imported(path: Path) -> Iterator[str]:
    """The third-party modules that a module imports at run time, at its top or within functions."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        waiting.extend(ast.iter_child_nodes(node))
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        yield from (name for name in names if name.partition(".")[0] not in sys.stdlib_module_names | OWN)


def distribution(module: str) -> str:
    """The package that brings a module, as pip compares names."""
    root = module.partition(".")[0]
    return normal(OTHER_NAMES.get(root, root))


def normal(requirement: str) -> str:
    """The name at the beginning of a requirement: `scikit-learn` of "Scikit_Learn>=1.8; …"."""
    [name] = re.findall(r"^[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extra: str = "") -> set[str]:
    """The packages that pyproject.toml declares for every installation, and those of one extra."""
    own = PROJECT["optional-dependencies"][extra] if extra else []
    return {normal(each) for each in [*PROJECT["dependencies"], *own]}


def written(path: Path) -> set[str]:
    """The extras that a text names as evobuild[train,diversity]."""
    names = re.findall(r"evobuild\[([a-z,_-]+)\]", path.read_text())
    return {name for found in names for name in found.split(",")}


def test_what_code_requires_is_there() -> None:
    found = {extra for path in MODULES for _, extra in required(path)}
    assert {"train", "data", "eval"} <= found <= EXTRAS


def test_each_extra_brings_what_code_requires_of_it() -> None:
    missing = {
        f"{path.relative_to(ROOT)}: {module} is not in '{extra}'"
        for path in MODULES
        for module, extra in required(path)
        if distribution(module) not in declared(extra)
    }
    assert not missing


def test_every_import_is_declared() -> None:
    missing = set()
    for path in MODULES:
        name = path.relative_to(ROOT).as_posix()
        known = declared(PLAIN_IMPORTS.get(name, ""))
        missing |= {f"{name}: {module}" for module in imported(path) if distribution(module) not in known}
    assert not missing
    assert set(PLAIN_IMPORTS) <= {path.relative_to(ROOT).as_posix() for path in MODULES}


def test_a_gap_would_be_seen(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("def f():\n    import execnet.gateway\n")
    [name] = imported(module)
    assert distribution(name) == "execnet" and "execnet" not in declared("train")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_a_page_installs_is_there(path: Path) -> None:
    assert written(path) <= EXTRAS


def test_what_a_message_installs_is_there() -> None:
    found = set().union(*map(written, MODULES))
    assert {"diversity"} <= found <= EXTRAS
