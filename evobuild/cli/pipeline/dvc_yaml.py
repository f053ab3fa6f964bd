"""dvc.yaml as it follows from the declarations of stages: plain DVC, in the order of the pipeline."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from evobuild.cli.pipeline.declared import Declared
from evobuild.cli.resolve.settings import FIRST
from evobuild.core.declaration import Folders, Out, argument_kinds, default_folders, params_schema
from evobuild.core.params import declared_keys

HEAD = """\
# Written by `evobuild pipeline` from what each script in stages/ declares: change that, and run it.
# Paths that are not in a cmd are the defaults of the script: `python -m stages.evolve --help`.
# `exec` leaves no shell between DVC and the stage; stages/__init__.py goes on in DVC's Python if python3 is
# another.
# Only stages before `resolve` name `params` and folders of the library. What the others read of params and
# prompts under these settings, the folders of the library that they reach and the libraries that change their
# results are in a file for each in data/settings, which `resolve` writes: what is switched off makes nothing
# stale.
vars:
  # Outs that no reader of the data set needs: `dvc push` leaves them here. `push: true` shares them, and
  # makes nothing stale (docs/sharing.md).
  - local: &local {push: %s}

stages:
"""
_PLAIN = re.compile(r"[A-Za-z$./][A-Za-z0-9_ ${}./()@=,'’-]*")


def pipeline_text(stages: Iterable[Declared], pushed: bool = False) -> str:
    """Lay dvc.yaml out. pushed: whether `dvc push` takes along what no reader of the data set needs."""
    every = list(stages)
    blocks = ["\n".join(_stage_lines(each)) for each in every]
    artifacts = {name: entry for each in every for name, entry in each.stage.artifacts.items()}
    plots = [{name: entry} for each in every for name, entry in each.stage.plots.items()]
    lines = ["# By name and version for others: docs/sharing.md.", "artifacts:"]
    for name, entry in artifacts.items():
        lines += [f"  {name}:", *(f"    {key}: {_value(own)}" for key, own in entry.items())]
    lines += ["", "plots:", *(f"  - {_entry(each)}" for each in plots)]
    head = HEAD % str(pushed).lower()
    return head + "\n\n".join(blocks) + "\n\n" + "\n".join([*lines, ""])


def _stage_lines(each: Declared) -> Iterator[str]:
    entry: dict[str, Any] = {"desc": each.stage.desc, "cmd": _command(each)}
    entry |= {"deps": list(_deps(each)), "params": list(_params(each)), **_outs(each)}
    indent = "    "
    yield f"  {each.name}:"
    if each.stage.per:
        yield f"    foreach: ${{{each.stage.per}}}"
        yield "    do:"
        indent = "      "
    for key, value in entry.items():
        if isinstance(value, str):
            yield f"{indent}{key}: {_scalar(value)}"
        elif value:
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {_entry(one)}" for one in value)


def _names(each: Declared) -> dict[str, str]:
    """What stands in dvc.yaml in place of each name that the stage is given."""
    names = [name for name, kind in argument_kinds(each.main).items() if kind is str]
    return {name: each.stage.given.get(name, "${key}") for name in names}


def _command(each: Declared) -> str:
    given = [f"--{name.replace('_', '-')} '{value}'" for name, value in _names(each).items()]
    return " ".join([f"exec python3 -m stages.{each.name}", *given])


def _path(each: Declared, path: str) -> str:
    """A path of a declaration as DVC has it."""
    names = _names(each)
    if any(path == f"${{{each.stage.per}.{{{name}}}}}" for name in names):
        return "${item}"
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def _deps(each: Declared) -> Iterator[str]:
    found = [] if "stages" in each.stage.waits_for else [f"stages/{each.name}.py"]
    kinds = argument_kinds(each.main)
    for field in _fields(each):
        if kinds[field.name] is Folders:
            found += map(str, default_folders(field).values())
        elif kinds[field.name] not in (str, Out):
            found.append(_path(each, str(field.default)))
    found += each.stage.waits_for
    if each.name not in FIRST:
        found.append(f"data/settings/{each.name}{'-${key}' if each.stage.per else ''}.json")
    yield from dict.fromkeys(found)


def _params(each: Declared) -> Iterator[str]:
    if each.name in FIRST and "params.yaml" not in _deps(each):
        for key in declared_keys(params_schema(each.main)):
            yield f"{key}.${{key}}" if key in each.stage.keyed else key


def _outs(each: Declared) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"outs": [], "metrics": [], "plots": []}
    kinds = argument_kinds(each.main)
    for field in _fields(each):
        if kinds[field.name] is Out:
            path, options = _path(each, str(field.default)), field.metadata["options"]
            found[field.metadata["kind"]].append({path: options} if options else path)
    return found


def _fields(each: Declared) -> tuple[Any, ...]:
    from typing import get_type_hints

    return dataclasses.fields(get_type_hints(each.main)["args"])


def _entry(value: str | Mapping[str, Any]) -> str:
    """An entry of a list: a word, or a word with options."""
    if isinstance(value, str):
        return _scalar(value)
    ((name, options),) = value.items()
    return f"{_scalar(name)}: {'*local' if options == {'push': False} else _flow(options)}"


def _scalar(text: str) -> str:
    """A text as YAML has it, in quotes where it must."""
    is_plain = _PLAIN.fullmatch(text) and yaml.safe_load(text) == text and ": " not in text
    return text if is_plain else f"'{text.replace(chr(39), chr(39) * 2)}'"


def _value(value: Any) -> str:
    return _scalar(value) if isinstance(value, str) else _flow(value)


def _flow(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_word(key)}: {_flow(own)}" for key, own in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _word(value) if isinstance(value, str) else json.dumps(value)


def _word(text: str) -> str:
    """A text inside brackets."""
    return f"'{text.replace(chr(39), chr(39) * 2)}'" if set(text) & set("{}[],:#&*!'\"") else _scalar(text)
