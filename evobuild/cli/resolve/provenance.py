"""What the stages up to `select` read, taken together, for the card: `cards/provenance.py` has the format."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evobuild.cli.check.params import Params
from evobuild.core.declaration import params_schema
from evobuild.core.dvc_hash import dvc_md5
from evobuild.core.params import declared_keys, declared_values, default_values
from evobuild.core.prompts import current_folder
from evobuild.core.reads import Given, Reads, values_read
from evobuild.core.stages import AFTER_SELECT, OF_ALL_POOLS

if TYPE_CHECKING:
    from evobuild.cli.resolve.settings import Instance

STEM = "provenance"
"""The name of its file in data/settings."""
_UNRESOLVED = ("check", "resolve")
_KINDS = ("prompts", "files", "libraries", "weights")


def made_with(
    instances: Iterable[Instance],
    values: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]],
    unanswered: int | None,
) -> dict[str, Any]:
    """Merge what the instances up to `select` read.

    values: params as they stand in the file. settings: of each instance whose settings are resolved.
    """
    own = [each for each in instances if each.stage.name not in {*AFTER_SELECT, *_UNRESOLVED}]
    shipped = default_values(Params)
    read: dict[str, Any] = {}
    default: dict[str, Any] = {}
    for each in own:
        _merge(read, _read(each, values, values, unanswered))
        _merge(default, _read(each, values, shipped, unanswered))
    # No section has it, and each stage that renders a prompt reads it.
    read["prompts"], default["prompts"] = str(current_folder()), shipped["prompts"]
    resolved = [settings[each.stem] for each in own if each.stem in settings]
    found = {kind: {name: own[kind][name] for own in resolved for name in own[kind]} for kind in _KINDS}
    if (source := Path(values["seed"]["source"])).exists():
        found["files"] |= {str(values["seed"]["source"]): dvc_md5(source)}
    changed = {key: {"value": value, "default": old} for key, old, value in _changed(default, read)}
    stages = list(dict.fromkeys(each.stem for each in own))
    return {"stages": stages, "params": read, "changed": changed, **found}


def _read(
    instance: Instance, values: Mapping[str, Any], of: Mapping[str, Any], unanswered: int | None
) -> dict[str, Any]:
    """What a stage reads under some values, taken of others, such as those that are shipped."""
    if instance.stage.name == "fetch":
        return {"fetch": {name: of["fetch"][name] for name in (instance.name,) if name in of["fetch"]}}
    schema = params_schema(importlib.import_module(f"stages.{instance.stage.name}").main)
    name = "" if instance.stage.name in OF_ALL_POOLS else instance.name
    params = schema.model_validate(values)
    reads = params.reads(Given(name, unanswered)) if hasattr(params, "reads") else Reads()
    return values_read(declared_values(of, declared_keys(schema)), reads)


def _merge(found: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(found.get(key), dict):
            _merge(found[key], value)
        else:
            found[key] = _copy(value)


def _copy(value: Any) -> Any:
    return {key: _copy(own) for key, own in value.items()} if isinstance(value, Mapping) else value


def _changed(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Each key whose value is another, with both; a mapping with other keys counts as a whole."""
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and value.keys() == old.keys():
            yield from _changed(old, value, f"{prefix}{key}.")
        elif value != old:
            yield f"{prefix}{key}", old, value
