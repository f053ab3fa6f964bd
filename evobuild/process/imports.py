"""What a stage imports, and a digest of it that comments, docstrings and the version of Python do not change.

The closure of a script is every module of the library and of the project that it imports, one through the
other, inside functions too, and the packages around them. What only a type checker imports is no part of it,
nor is this folder, `evobuild/process`, whose modules write no out. A data file counts with the module that
names it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

LIBRARY = Path(__file__).parents[1]
FACES = ("evobuild", "stages")
"""Packages whose own module is left out: one gives the functions of the API, the other finds a Python."""
ROOM = "evobuild.process"
NO_DATA = (".py", ".pyc", ".partial")
_BYTES = 16


class Source(NamedTuple):
    """What one module holds. digest: of its syntax tree. imports: names that it imports, such as
    "evobuild.core.tables". names: its strings that are names of files or folders beside it.
    """

    digest: str
    imports: tuple[str, ...]
    names: tuple[str, ...]


class Sources:
    """Modules read once, by name; of those that were read before, the digests are in a file.

    The file is keyed by the content of modules and the names beside them, so it is never out of date. It may
    be missing or damaged.
    """

    def __init__(self, root: Path, kept: Path | None = None, library: Path = LIBRARY) -> None:
        self._root, self._kept, self._library = root, kept, library
        self._known: dict[str, Source] = dict(_read_kept(kept))
        self._found: dict[str, tuple[Path, Source] | None] = {}
        self._used: dict[str, Source] = {}
        self._listings: dict[Path, list[str]] = {}

    def closure(self, script: str) -> dict[str, Path]:
        """Find what a module reaches, itself included: files by the names of their modules."""
        return {name: path for name, (path, _) in self._closure(script).items()}

    def digest(self, script: str) -> str:
        """Compute the digest of what a module reaches: 32 hexadecimal digits."""
        total = hashlib.blake2b(digest_size=_BYTES)
        for name, (path, source) in sorted(self._closure(script).items()):
            total.update(f"{name} {source.digest}\n".encode())
            for file in sorted(data_files(path, source.names)):
                own = hashlib.blake2b(file.read_bytes(), digest_size=_BYTES).hexdigest()
                total.update(f"{name} {file.relative_to(path.parent).as_posix()} {own}\n".encode())
        return total.hexdigest()

    def keep(self) -> None:
        """Write the digests of modules that were read. Where nothing can be written, nothing is kept."""
        if self._kept is None or self._used.keys() <= self._known.keys():
            return
        partial = self._kept.with_suffix(f".{os.getpid()}.partial")
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(self._used), encoding="utf-8")
            partial.replace(self._kept)
        except OSError:
            partial.unlink(missing_ok=True)

    def _closure(self, script: str) -> dict[str, tuple[Path, Source]]:
        found: dict[str, tuple[Path, Source]] = {}
        waiting = [script]
        while waiting:
            name = waiting.pop()
            if name in found or _is_uncounted(name) or (module := self._module(name)) is None:
                continue
            found[name] = module
            waiting += _with_packages(module[1].imports)
        return found

    def _module(self, name: str) -> tuple[Path, Source] | None:
        """Find a module's file and content; None if it is no module of the library or the project."""
        if name not in self._found:
            path = self._path(name)
            self._found[name] = None if path is None else (path, self._source(name, path))
        return self._found[name]

    def _path(self, name: str) -> Path | None:
        first, *rest = name.split(".")
        folder = self._library if first == "evobuild" else self._root / first
        base = folder.joinpath(*rest)
        options = (base / "__init__.py", base.with_name(f"{base.name}.py"))
        return next((path for path in options if path.is_file()), None)

    def _listing(self, folder: Path) -> list[str]:
        """List the names in a folder, one of which a module may use."""
        if folder not in self._listings:
            files = (each.name for each in folder.iterdir() if each.suffix not in NO_DATA)
            self._listings[folder] = sorted(name for name in files if name != "__pycache__")
        return self._listings[folder]

    def _source(self, name: str, path: Path) -> Source:
        content, beside = path.read_bytes(), "/".join(self._listing(path.parent))
        said = f"{name}\0{beside}\0".encode() + content
        key = hashlib.blake2b(said, digest_size=_BYTES).hexdigest()
        if key not in self._used:
            self._used[key] = self._known.get(key) or read_source(content, path)
        return self._used[key]


def read_source(content: bytes, path: Path) -> Source:
    """Read a module. Raises SyntaxError if it cannot be parsed."""
    tree = ast.parse(content, path)
    nodes = list(_running(tree))
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names = sorted(each for each in strings if any(data_files(path, [each])))
    tree.body = [each for each in tree.body if not _is_declaration(each)]
    digest = hashlib.blake2b("\0".join(_canonical(tree)).encode(), digest_size=_BYTES).hexdigest()
    return Source(digest, tuple(sorted(set(_imports(nodes)))), tuple(names))


def data_files(path: Path, names: Iterable[str]) -> Iterator[Path]:
    """Find data files with some names beside a module, or in folders beside it."""
    for name in names:
        if name.isascii() and name.replace("_", "").replace(".", "").isalnum() and name.strip("."):
            beside = path.parent / name
            inside = beside.iterdir() if beside.is_dir() else [beside]
            yield from (file for file in inside if file.is_file() and file.suffix not in NO_DATA)


def _read_kept(file: Path | None) -> Iterator[tuple[str, Source]]:
    try:
        content: Mapping[str, list[str]] = json.loads(file.read_text(encoding="utf-8")) if file else {}
        found = [(key, Source(own[0], tuple(own[1]), tuple(own[2]))) for key, own in content.items()]
    except (OSError, ValueError, AttributeError, IndexError, TypeError):
        return
    yield from found


def _is_uncounted(name: str) -> bool:
    return name in FACES or f"{name}.".startswith(f"{ROOM}.")


def _with_packages(names: Iterable[str]) -> Iterator[str]:
    """Add the packages of some modules."""
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Iterate over all nodes except those under `if TYPE_CHECKING`, which never run."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _imports(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """List imported names, from `import a.b` or `from a import b`, where b may be a module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _canonical(value: object) -> Iterator[str]:
    """Write a syntax tree in words that are the same in each version of Python.

    Empty fields are left out, as later versions have more of them; so are strings that are statements, which
    are docstrings.
    """
    if isinstance(value, list):
        yield "["
        for each in value:
            if not (isinstance(each, ast.Expr) and _is_text(each.value)):
                yield from _canonical(each)
        yield "]"
    elif isinstance(value, ast.AST):
        yield f"({type(value).__name__}"
        for name in value._fields:
            own = getattr(value, name, None)
            if own not in (None, []) and name not in ("ctx", "kind", "type_comment", "type_ignores"):
                yield name
                yield from _canonical(own)
            elif isinstance(value, ast.Constant) and name == "value":
                yield "None"
        yield ")"
    else:
        yield repr(value)


def _is_declaration(node: ast.stmt) -> bool:
    """Whether it declares a stage: its declaration is in dvc.yaml, where DVC sees it."""
    return isinstance(node, ast.Assign) and [getattr(each, "id", "") for each in node.targets] == ["STAGE"]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
