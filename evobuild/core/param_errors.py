"""What is wrong with params, in a line for each mistake: where, what was found, what was wanted."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from evobuild.core.suggestions import nearest_names, suggest, unknown_name

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_NUMBERS = ("int_type", "float_type", "int_from_float")
_NUMBER = r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"
_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
"""What is expected, by pydantic's name of the mistake; other mistakes have pydantic's own words."""


def explain_errors(path: Path, errors: Iterable[ErrorDetails], schema: type[BaseModel]) -> str:
    """Explain what is wrong with a file, in two lines at the most."""
    said = _items_said(errors, schema)
    lines = (_line(item, schema) for item in said[:2])
    more = f" (and {len(said) - 2} more)" if len(said) > 2 else ""
    return "\n".join(f"{path}: {line}" for line in lines) + more


def first_error(error: ValidationError, schema: type[BaseModel]) -> str:
    """Say the first thing that is wrong with a section."""
    return _line(_items_said(error.errors(), schema)[0], schema)


def _items_said(errors: Iterable[ErrorDetails], schema: type[BaseModel]) -> list[Any]:
    """Select the errors to print. A misspelt key is also a missing one: the cause comes first."""
    items = sorted(errors, key=lambda item: item["type"] != "extra_forbidden")
    unknown = (item["loc"] for item in items if item["type"] == "extra_forbidden")
    # Of an old or misspelt key the right name is enough.
    replacing = {name for location in unknown for name in _right_names(schema, location)}
    return [item for item in items if item["type"] != "missing" or _place(item["loc"]) not in replacing]


def _right_names(schema: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Places of the keys that an unknown one may be: those of its new name, or near names beside it."""
    if new := _renamed(schema, location):
        return re.findall(r"[\w.]+", new)
    near = nearest_names(str(location[-1]), _schema_at(schema, location[:-1]).model_fields)
    return [_place((*location[:-1], name)) for name in near]


def _line(item: Any, schema: type[BaseModel]) -> str:
    place = _place(item["loc"])
    if item["type"] == "extra_forbidden":
        return _unknown_key(place, schema, item["loc"])
    if item["type"] == "missing":
        return f"the key '{place}' is missing; add it as a new project has it: evobuild init"
    value, kind = item["input"], item["type"]
    if kind == "literal_error" and isinstance(value, str):
        known = re.findall(r"'([^']*)'", item["ctx"]["expected"])
        return f"{place}: {unknown_name('value', value, known)}"
    message = _WANTED.get(kind) or item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if message.startswith("unknown "):
        return f"{place}: {message}"
    wanted = message if message.startswith(("expected", "the ")) else f"expected {message}"
    if isinstance(value, str) and kind in _NUMBERS and re.fullmatch(_NUMBER, value):
        wanted += ", without quotes"
    if not isinstance(value, str) and kind == "string_type":
        wanted += ", in quotes"
    return f"{place or 'it'} is {shown_value(value)}; {wanted}"


def shown_value(value: object) -> str:
    """Write a value as YAML has it, in a line, however much it holds."""
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else _SHORT.repr(value)


def _place(location: tuple[Any, ...]) -> str:
    return ".".join(str(part)[:60] for part in location if part != "[key]")


def find_new_name(schema: type[BaseModel], key: str) -> str:
    """Find what a dotted key is called now, such as "select.duplicates"; '' if it never was one."""
    try:
        return _renamed(schema, tuple(key.split(".")))
    except (KeyError, IndexError):  # what is above it is no section
        return ""


def _renamed(schema: type[BaseModel], location: tuple[Any, ...]) -> str:
    """Get the present name of a key, '' if it was never renamed."""
    section = _schema_at(schema, location[:-1])
    return str(getattr(section, "renamed", {}).get(location[-1], ""))


def _unknown_key(place: str, schema: type[BaseModel], location: tuple[Any, ...]) -> str:
    if new := _renamed(schema, location):
        return f"the key '{place}' is now {new}"
    key, known = str(location[-1])[:60], list(_schema_at(schema, location[:-1]).model_fields)
    return f"unknown key '{place}'; {suggest(key, known)}"


def _schema_at(schema: type[BaseModel], location: tuple[Any, ...]) -> type[BaseModel]:
    """Find the schema at a location of a file: of a section, or of an entry of a dict of sections."""
    annotation: Any = schema
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = annotation.model_fields[str(part)].annotation
        else:
            annotation = get_args(annotation)[1]
        if isinstance(annotation, UnionType):
            annotation = next(each for each in get_args(annotation) if each is not NoneType)
    found: type[BaseModel] = annotation
    return found
