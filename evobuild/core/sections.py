"""Typed sections of a YAML file: read strictly, and every mistake said in a line that names it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from evobuild.core.errors import BadParams


class Section(BaseModel):
    """A part of params.yaml: unknown keys, wrong types and NaN are errors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


class _Loader(yaml.SafeLoader):
    """YAML as ruamel, and so DVC, writes it: 1e-05 is a number; a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise BadParams(f"{_at(key.start_mark)}: the key '{key.value}' is given twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read(path: Path) -> dict[str, Any]:
    """Read a params file as a plain mapping. Raises BadParams if it is no YAML mapping."""
    try:
        with path.open(encoding="utf-8") as stream:
            content = yaml.load(stream, _Loader)
    except FileNotFoundError:
        raise BadParams(f"{path}: no such file; run in the folder that holds it") from None
    except yaml.MarkedYAMLError as error:
        raise BadParams(f"{_at(error.problem_mark)}: not YAML: {error.problem}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadParams(f"{path}: not UTF-8 YAML text: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise BadParams(f"{path}: expected a mapping of sections, found {type(content).__name__}")
    return content


def explained(path: Path, error: ValidationError, schema: type[Section]) -> str:
    """Say what is wrong with a file, in two lines at the most."""
    lines = list(_lines(error, schema))
    more = f" (and {len(lines) - 2} more)" if len(lines) > 2 else ""
    return "\n".join(f"{path}: {line}" for line in lines[:2]) + more


def first_line(error: ValidationError, schema: type[Section]) -> str:
    """Say the first thing that is wrong with a section."""
    return next(_lines(error, schema))


def _lines(error: ValidationError, schema: type[Section]) -> Iterator[str]:
    # A misspelt key is also a missing one: name the cause first.
    for item in sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden"):
        place = ".".join(str(part) for part in item["loc"] if part != "[key]")
        if item["type"] == "extra_forbidden":
            known = _keys(schema, item["loc"][:-1])
            close = difflib.get_close_matches(str(item["loc"][-1]), known, 1)
            hint = f"; did you mean '{close[0]}'?" if close else f"; known here: {', '.join(known)}"
            yield f"unknown key '{place}'{hint}"
        elif item["type"] == "missing":
            yield f"the key '{place}' is missing"
        else:
            message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            wanted = message if message.startswith(("expected", "the ")) else f"expected {message}"
            yield f"{place} is {item['input']!r}; {wanted}"


def _keys(schema: type[Section], location: tuple[Any, ...]) -> list[str]:
    """The keys known at a place of a file: of a section, or of an entry of a dict of sections."""
    annotation: Any = schema
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, Section):
            annotation = annotation.model_fields[str(part)].annotation
        else:
            annotation = get_args(annotation)[1]
    return list(annotation.model_fields)


def _at(mark: yaml.Mark | None) -> str:
    return f"{Path(mark.name).name}:{mark.line + 1}" if mark else "params.yaml"
