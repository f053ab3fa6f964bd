"""What each stage script reaches, read from the code alone and never from dvc.yaml.

Modules: the project's own that its imports lead to, function-level imports included, through one
another. Prompts: every name ending in .jinja that one of these modules holds. Params and paths: what the
script's `main` is given.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from evobuild.core.declaration import Out, argument_kinds, params_schema, stage_arguments
from evobuild.core.params import declared_keys

ROOT = Path(__file__).parents[2]
WHOLE_FILE = ("check", "resolve", "report")
"""Stages that read the whole of params.yaml."""


def stages() -> list[str]:
    """Names of the stage scripts."""
    return sorted(path.stem for path in (ROOT / "stages").glob("[!_]*.py"))


@cache
def modules(stage: str) -> frozenset[str]:
    """Paths of the library modules that a stage reaches, such as evobuild/core/tables.py."""
    found: set[str] = set()
    queue = [f"stages/{stage}.py"]
    while queue:
        path = queue.pop()
        for other in (_imports(path) | _templates(path)) - found:
            found.add(other)
            queue.append(other)
    return frozenset(found)


def _templates(path: str) -> set[str]:
    """Page templates lie in the library; a module that names their folder reaches them all."""
    tree = _tree(path) if path.endswith(".py") else ast.Module([], [])
    names = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return (
        {str(file.relative_to(ROOT)) for file in (ROOT / "evobuild/reporting/pages").iterdir()}
        if "pages" in names
        else set()
    )


@cache
def prompts(stage: str) -> frozenset[str]:
    """Paths of the prompts that a stage reaches, such as prompts/evolve/e0.jinja."""
    return frozenset(
        f"prompts/{node.value}"
        for path in modules(stage)
        if path.endswith(".py")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".jinja")
        if (ROOT / "prompts" / node.value).exists()
    )


@cache
def libraries(stage: str) -> frozenset[str]:
    """Packages of others that a stage's modules import when they run, or ask for by `require`."""
    found = set()
    for path in modules(stage):
        for node in _statements(_tree(path)) if path.endswith(".py") else ():
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "require":
                found.update(str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant))
    return frozenset(name.partition(".")[0] for name in found)


def params(stage: str) -> tuple[str, ...] | None:
    """The keys of params.yaml that a stage gets; None means the whole file, as a dep."""
    if stage in WHOLE_FILE:
        return None
    return tuple(declared_keys(params_schema(_main(stage))))


def paths(stage: str, names: dict[str, str]) -> tuple[set[str], set[str]]:
    """The paths that a stage reads, and those that it writes. names: what the command line gives."""
    main = _main(stage)
    found = stage_arguments(main, names)
    read, written = set(), set()
    for name, kind in argument_kinds(main).items():
        value = getattr(found, name)
        if kind is not str:
            (written if kind is Out else read).add(str(value))
    return read, written


def _main(stage: str) -> Callable[..., None]:
    main: Callable[..., None] = importlib.import_module(f"stages.{stage}").main
    return main


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def _imports(path: str) -> set[str]:
    """Project modules that a file imports, with the packages around them."""
    names: set[str] = set()
    for node in _statements(_tree(path)) if path.endswith(".py") else ():
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    found: set[str] = set()
    for name in names:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            base = "/".join(parts[:length])
            found.update(
                option for option in (f"{base}.py", f"{base}/__init__.py") if (ROOT / option).exists()
            )
    return {path for path in found if path.startswith("evobuild/")}


def _statements(tree: ast.Module) -> list[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`, which never run."""
    nodes: list[ast.AST] = []
    queue: list[ast.AST] = [tree]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        nodes.append(node)
        queue.extend(ast.iter_child_nodes(node))
    return nodes
