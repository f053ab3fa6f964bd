"""Derive dvc.yaml from the declarations of stages and from params: plain DVC, in pipeline order."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic import BaseModel

from evobuild.cli.pipeline.declared_stages import Declared
from evobuild.core.declaration import Out, argument_kinds, params_schema
from evobuild.core.params import StageParams, declared_keys
from evobuild.core.prompts import included
from evobuild.process.lock import LOCK

HEAD = """\
# Written by `evobuild pipeline` from what each script in stages/ declares: change that, and run it.
# ${rounds}, ${pools}, ${seed.source} and so on are values of params.yaml, `params.yaml:` alone is all of it.
# evobuild.lock has digests of the code that stages import, and versions of libraries that change results.
# `evobuild repro` and `evobuild pipeline` renew it; under a lock of other code a stage refuses to run.
# data/check.txt is constant; data/label.txt changes only if simulated models or toys become real ones.
# data/downstream has the counts and rejects of stages after `select`: the data set waits for no training.
# Every base and scorer depends on models/scratch, the toy model, which is empty where params name no toy.
# Paths that are not in a cmd are the defaults of the script: `python -m stages.evolve --help`. `exec` leaves
# no shell between DVC and the stage.
vars:
  # Of outs that no reader of the data set needs: `dvc push` leaves them here. Write `push: true` to share
  # them, which makes nothing stale and stays (docs/sharing.md).
  - local: &local {push: %s}

stages:
"""
OWN = ("  # Stages of your own, as DVC has them, stand between these two lines, and stay.", "  # Until here.")
"""The lines around the part that `evobuild pipeline` keeps."""
CHECKED = "data/check.txt"
PARAMS = "params.yaml"
WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z$./][A-Za-z0-9_ ${}./()@=,'’-]*")


def build_pipeline_text(stages: Iterable[Declared], params: Mapping[str, Any], before: str = "") -> str:
    """Build the text of dvc.yaml.

        Args:
        params: the content of params.yaml; files that it names become deps.
        before: the current dvc.yaml. Kept are the user's own stages, and whether `dvc push` includes
            intermediate tables.

    Raises BadParams if params are invalid, BadInput if a prompt cannot be read.
    """
    pipeline = _Pipeline(list(stages), params)
    blocks = ["\n".join(pipeline.lines(each)) for each in pipeline.stages]
    artifacts = {name: entry for each in pipeline.stages for name, entry in each.stage.artifacts.items()}
    plots = [{name: entry} for each in pipeline.stages for name, entry in each.stage.plots.items()]
    lines = ["# By name and version for others: docs/sharing.md.", "artifacts:"]
    for name, entry in artifacts.items():
        lines += [f"  {name}:", *(f"    {key}: {_resolve_path(own)}" for key, own in entry.items())]
    lines += ["", "plots:", *(line for each in plots for line in _format_item(each, "  "))]
    head = HEAD % str(_is_pushed(before)).lower()
    own = "\n".join([OWN[0], *find_own_lines(before), OWN[1]])
    return head + "\n\n".join([*blocks, own]) + "\n\n" + "\n".join([*lines, ""])


def find_own_lines(text: str) -> Sequence[str]:
    """Return the lines of a dvc.yaml between those of OWN."""
    lines = text.splitlines()
    return lines[lines.index(OWN[0]) + 1 : lines.index(OWN[1])] if {*OWN} <= {*lines} else ()


def _is_pushed(text: str) -> bool:
    return bool(re.search(r"^  - local: &local \{push: true\}", text, re.MULTILINE))


class _Pipeline:
    """Builds the entry of each stage in dvc.yaml."""

    def __init__(self, stages: list[Declared], params: Mapping[str, Any]) -> None:
        self.stages, self._params = stages, params
        self._made = {path.partition("{")[0] for each in stages for path in _list_out_paths(each)}

    def lines(self, each: Declared) -> Iterator[str]:
        """Yield the lines of a stage."""
        entry: dict[str, Any] = {"desc": each.stage.desc, "cmd": _build_command(each)}
        entry |= {"deps": self._list_deps(each), "params": self._list_params(each), **_group_outs(each)}
        indent = "    "
        yield f"  {each.name}:"
        if each.stage.per:
            yield f"    foreach: ${{{each.stage.per}}}"
            yield "    do:"
            indent = "      "
        for key, value in entry.items():
            if isinstance(value, str):
                yield f"{indent}{key}: {_format_scalar(value)}"
            elif value:
                yield f"{indent}{key}:"
                yield from (line for one in value for line in _format_item(one, f"{indent}  "))

    def _list_described_stages(self, each: Declared) -> list[Declared]:
        """List the stages up to and including `describes`, whose inputs this stage depends on as well."""
        names = [other.name for other in self.stages]
        last = names.index(each.stage.describes) + 1 if each.stage.describes else 0
        return [other for other in self.stages[:last] if Path(PARAMS) not in _list_defaults(other)]

    def _list_deps(self, each: Declared) -> list[str]:
        found = [*self._list_read_paths(each), *self._list_outside_files(each)]
        for other in self._list_described_stages(each):
            found += [
                path
                for path in (*self._list_read_paths(other), *self._list_outside_files(other))
                if self._is_source(path)
            ]
        if each.stage.after and not any(self._is_made(path) for path in found):
            found.append(CHECKED)
        return list(dict.fromkeys(found))

    def _list_read_paths(self, each: Declared) -> Iterator[str]:
        """Yield the paths of the arguments that a stage reads under these params."""
        kinds, schema, unread = argument_kinds(each.main), params_schema(each.main), ()
        if issubclass(schema, StageParams):
            unread = schema.model_validate(self._params).unread_arguments()
        for field in _list_fields(each):
            if kinds[field.name] in (str, Out) or field.name in unread or field.default == Path(PARAMS):
                continue
            yield _build_path(each, str(field.default))

    def _list_outside_files(self, each: Declared) -> Iterator[str]:
        """Yield the prompts and other files that a stage may read."""
        names = _list_prompts(each)
        schema = params_schema(each.main)
        if issubclass(schema, StageParams):
            # Templates that params name are deps of their own.
            named = included(schema.model_validate(self._params).templates())
            names += [name for name in named if not _covers(names, name)]
        yield from (f"${{prompts}}/{name}" for name in names)
        yield from each.stage.waits_for
        if issubclass(schema, StageParams):
            known = {
                self._resolve_path(path) for path in (*each.stage.waits_for, *self._list_read_paths(each))
            }
            named = schema.model_validate(self._params).named_files()
            # Escape "${": a path is data, and DVC must not interpolate it.
            yield from (path.replace("${", r"\${") for path in named if path not in known)

    def _resolve_path(self, path: str) -> str:
        """Return the value of params for a path such as ${seed.source}; other paths unchanged."""
        value: Any = self._params
        for key in path[2:-1].split(".") if path.startswith("${") and path.count("$") == 1 else ():
            value = value.get(key, {}) if isinstance(value, Mapping) else {}
        return value if isinstance(value, str) else path

    def _is_made(self, path: str) -> bool:
        """Whether a stage writes this path."""
        return any(path.startswith(made) or made.startswith(f"{path}/") for made in self._made)

    def _is_source(self, path: str) -> bool:
        return "${item" not in path and path != PARAMS and not self._is_made(path)

    def _list_params(self, each: Declared) -> list[Any]:
        if Path(PARAMS) in _list_defaults(each) and not each.stage.describes:
            return [{PARAMS: None}, {str(LOCK): [f"stages.{each.name}"]}]
        found = list(_list_param_keys(each))
        locked = [f"stages.{each.name}", *_list_locked_keys(each)]
        for other in self._list_described_stages(each):
            found += [key.removesuffix(".${key}") for key in _list_param_keys(other)]
            locked += _list_locked_keys(other)
        return [*_drop_nested_keys(found), {str(LOCK): list(dict.fromkeys(locked))}]


def _name_values(each: Declared) -> dict[str, str]:
    """Return the text in dvc.yaml for each name argument of a stage, such as "${key}" for a round."""
    names = [name for name, kind in argument_kinds(each.main).items() if kind is str]
    return {name: each.stage.given.get(name, "${key}") for name in names}


def _build_command(each: Declared) -> str:
    given = [f"--{name.replace('_', '-')} '{value}'" for name, value in _name_values(each).items()]
    return " ".join([f"exec python3 -m stages.{each.name}", *given])


def _build_path(each: Declared, path: str) -> str:
    """Return a declared path in the syntax of DVC."""
    names = _name_values(each)
    if any(path == f"${{{each.stage.per}.{{{name}}}}}" for name in names):
        return "${item}"
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def _list_prompts(each: Declared) -> list[str]:
    """List the declared templates and folders, and the templates that these include."""
    declared = each.stage.prompts
    files = [name for name in declared if name.endswith(".jinja")]
    folders = [name for name in declared if name not in files]
    beside = [name for name in included(files) if name.partition("/")[0] not in folders]
    return sorted({*folders, *beside})


def _covers(names: Iterable[str], name: str) -> bool:
    """Whether a template is among some templates and folders of such."""
    return any(name == other or name.startswith(f"{other}/") for other in names)


def _list_param_keys(each: Declared) -> Iterator[str]:
    """Yield the keys of params.yaml that a stage reads, narrowed to its own round, pool or set if
    declared.
    """
    schema = params_schema(each.main)
    for key in declared_keys(schema):
        inside = [keyed for keyed in each.stage.keyed if keyed.startswith(f"{key}.")]
        if not inside:
            yield f"{key}.${{key}}" if key in each.stage.keyed else key
            continue
        section = schema
        for name in key.split("."):
            section = section.model_fields[name].annotation
        assert issubclass(section, BaseModel), "what has keys is a section"
        for own in (f"{key}.{name}" for name in section.model_fields):
            yield f"{own}.${{key}}" if own in inside else own


def _list_locked_keys(each: Declared) -> list[str]:
    return [*(f"libraries.{name}" for name in sorted(each.stage.libraries)), *each.stage.locked]


def _drop_nested_keys(keys: Iterable[str]) -> list[str]:
    """Drop keys that are below another one."""
    every = list(dict.fromkeys(keys))
    return [key for key in every if not any(key.startswith(f"{other}.") for other in every)]


def _list_defaults(each: Declared) -> list[Any]:
    return [field.default for field in _list_fields(each)]


def _list_out_paths(each: Declared) -> Iterator[str]:
    kinds = argument_kinds(each.main)
    return (str(field.default) for field in _list_fields(each) if kinds[field.name] is Out)


def _group_outs(each: Declared) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"outs": [], "metrics": [], "plots": []}
    kinds = argument_kinds(each.main)
    for field in _list_fields(each):
        if kinds[field.name] is Out:
            path, options = _build_path(each, str(field.default)), field.metadata["options"]
            found[field.metadata["kind"]].append({path: options} if options else path)
    return found


def _list_fields(each: Declared) -> tuple[Any, ...]:
    return dataclasses.fields(get_type_hints(each.main)["args"])


def _format_item(value: str | Mapping[str, Any], indent: str) -> Iterator[str]:
    """Yield the lines of a list's entry; one that exceeds WIDTH gets a line per key."""
    line = f"{indent}- {_format_entry(value)}"
    if len(line) <= WIDTH or isinstance(value, str):
        yield line
        return
    ((name, own),) = value.items()
    yield f"{indent}- {_format_scalar(name)}:"
    for each in own:
        yield f"{indent}    {f'- {each}' if isinstance(own, list) else f'{each}: {_format_flow(own[each])}'}"


def _format_entry(value: str | Mapping[str, Any]) -> str:
    """Format an entry of a list: a word, or a word with options or entries."""
    if isinstance(value, str):
        return _format_scalar(value)
    ((name, own),) = value.items()
    if own is None:
        return f"{name}:"
    return f"{_format_scalar(name)}: {'*local' if own == {'push': False} else _format_flow(own)}"


def _format_scalar(text: str) -> str:
    """Format a text as YAML, quoted where necessary."""
    is_plain = _PLAIN.fullmatch(text) and yaml.safe_load(text) == text and ": " not in text
    return text if is_plain else f"'{text.replace(chr(39), chr(39) * 2)}'"


def _resolve_path(value: Any) -> str:
    return _format_scalar(value) if isinstance(value, str) else _format_flow(value)


def _format_flow(value: Any) -> str:
    """Format a value on one line."""
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{_format_word(key)}: {_format_flow(own)}" for key, own in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_format_flow, value)) + "]"
    return _format_word(value) if isinstance(value, str) else json.dumps(value)


def _format_word(text: str) -> str:
    """Format a text inside brackets."""
    return (
        f"'{text.replace(chr(39), chr(39) * 2)}'"
        if set(text) & set("{}[],:#&*!'\"")
        else _format_scalar(text)
    )
