"""YAML files that users write, read as DVC reads them: plain values, and a mistake said with its line.

YAML can say more than params need, and some of it is made to harm: tags that build objects, aliases of
aliases that grow without end, nesting that no stack holds. So a file is looked through event by event before
anything is built, in time and memory that its size bounds. A word such as 2024-01-01, 1:30, 010 or 1_000,
which readers of YAML differ about, is text; `on` and `off` are true and false, as keys the words. A whole
number as a key is text, as in a rubric.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from evobuild.core.errors import BadInput, BadParams
from evobuild.core.text_files import decode_utf8, opened_file

MOST_BYTES = 2 * 2**20
MOST_VALUES = 200_000
"""Values of a file, each alias counted as all values that it repeats."""
MOST_DEPTH = 40
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_TEXT, _WORD, _NUMBER = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "bool", "int"))
_DIGITS = 400
"""Of a whole number; Python itself reads some thousands."""


class _Loader(yaml.CSafeLoader):
    """Builds null, booleans, numbers, text, lists and mappings; their keys are text."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping; its merged parts come first."""
        for key, _ in node.value:
            is_word = key.tag == _WORD and key.value.lower() not in ("true", "false")
            if is_word or key.tag == _NUMBER:
                key.tag = _TEXT
        mapping = super().construct_mapping(node, deep)
        for key, _ in node.value:
            if key.tag != _TEXT:
                found = f"the key {key.value[:40]!r} is no text; expected a name, in quotes if need be"
                raise yaml.MarkedYAMLError(problem=found, problem_mark=key.start_mark)
        return dict(mapping)


_BOOLEAN = r"(?:yes|no|true|false|on|off)"
for _kind, _pattern, _first in (
    ("bool", f"^(?:{_BOOLEAN}|{_BOOLEAN.upper()}|{_BOOLEAN.title()})$", "yYnNtTfFoO"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("merge", r"^<<$", "<"),
    ("int", rf"^[-+]?(?:0|[1-9][0-9]{{0,{_DIGITS}}}|0x[0-9a-fA-F]{{1,{_DIGITS}}})$", "-+0123456789"),
    (
        "float",
        r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
        r"|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(_pattern), list(_first))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file as a plain mapping. Raises BadParams if it is no YAML mapping in UTF-8, or is empty."""
    content = read_yaml_or_nothing(path)
    if content is None:
        raise BadParams(f"{path}: is empty; expected a mapping of sections")
    return content


def read_yaml_or_nothing(path: Path) -> dict[str, Any] | None:
    """Read a file as `read_yaml`; None if it is empty or has only comments."""
    if not path.exists():
        raise BadParams(f"{path}: no such file; run in its folder, or begin one: evobuild init")
    return parse_yaml(_text(path), path)


def parse_yaml(text: str, path: Path) -> dict[str, Any] | None:
    """Parse the text of a file, or a part of it, as `read_yaml_or_nothing`."""
    try:
        for problem, line in _problems(text):
            raise BadParams(f"{path.name}:{line}: {problem}")
        content = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadParams(f"{path.name}:{line}: not YAML: {_explained(error, text, line)}") from None
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        raise BadParams(f"{path.name}:{line}: not YAML: {error.reason}") from None
    if content is not None and not isinstance(content, dict):
        raise BadParams(f"{path}: expected a mapping of sections, found {type(content).__name__}")
    return content


def _explained(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    """Explain what is wrong in a line of a file, and where the wrong value begins."""
    own = text.split("\n")[line - 1 : line]
    if own and "\t" in own[0][: len(own[0]) - len(own[0].lstrip())]:
        return "the line begins with a tab; indent it with blanks"
    begun = error.context_mark.line + 1 if error.context and error.context_mark else line
    return f"{error.problem}" + (f", {error.context} that begins in line {begun}" if begun < line else "")


def _text(path: Path) -> str:
    try:
        with opened_file(path) as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise BadParams(f"{path}: has more than {MOST_BYTES // 2**20} MiB; expected settings alone")
        return decode_utf8(data, path)
    except BadInput as error:
        raise BadParams(str(error)) from None


class _Place:
    """A value that is being read: how many values it holds, and of a mapping the keys so far."""

    def __init__(self, anchor: str | None, is_mapping: bool) -> None:
        self.anchor, self.values = anchor, 1
        self.keys: set[str] | None = set() if is_mapping else None
        self.key_is_next = is_mapping


def _problems(text: str) -> Iterator[tuple[str, int]]:
    """List what keeps a file from being parsed, each with its line; time and memory are linear."""
    above, anchors = [_Place(None, False)], dict[str, int]()
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.NodeEvent):
            if problem := _problem(event, above, anchors):
                yield problem, line
            if isinstance(event, yaml.CollectionStartEvent):
                above.append(_Place(event.anchor, isinstance(event, yaml.MappingStartEvent)))
        elif isinstance(event, yaml.CollectionEndEvent):
            done = above.pop()
            above[-1].values += done.values
            if done.anchor:
                anchors[done.anchor] = done.values
        if len(above) > MOST_DEPTH:
            yield (
                f"not YAML of settings: nested more than {MOST_DEPTH} deep; expected few levels",
                line,
            )
        if sum(place.values for place in above) > MOST_VALUES:
            found = f"not YAML of settings: more than {MOST_VALUES:,} values, what aliases repeat included"
            yield f"{found}; expected settings alone", line


def _problem(event: yaml.NodeEvent, above: list[_Place], anchors: dict[str, int]) -> str:
    """Count one value, and say what is wrong with it and where, '' if nothing."""
    place = above[-1]
    is_key = place.key_is_next
    place.key_is_next = place.keys is not None and not is_key
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            return f"not YAML: the alias *{str(event.anchor)[:40]} stands for nothing that ends before it"
        place.values += anchors[event.anchor]
        return "not YAML: an alias as a key; expected a name" if is_key else ""
    if getattr(event, "tag", None):
        return f"not YAML of settings: the tag {str(event.tag)[:60]!r}; expected plain values"  # type: ignore[attr-defined]
    if not isinstance(event, yaml.ScalarEvent):
        return "not YAML of settings: a list or a mapping as a key; expected a name" if is_key else ""
    place.values += 1
    if event.anchor:
        anchors[event.anchor] = 1
    if place.keys is not None and is_key:
        if event.value in place.keys:
            return f"the key '{event.value[:60]}' is given twice; expected it once"
        place.keys.add(event.value)
    if found := _CONTROL.search(event.value):
        return f"not YAML of settings: the control character U+{ord(found[0]):04X}; expected plain text"
    return ""
