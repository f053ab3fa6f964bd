"""Collect what the stages up to `select` read, for the card; `cards/provenance.py` has the format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evobuild.cards.provenance import Provenance, read_counts
from evobuild.cli.check.all_params import Params
from evobuild.cli.pipeline.declared_stages import import_declared_stages
from evobuild.cli.pipeline.lock_text import list_packaged_roles
from evobuild.core.declaration import params_schema
from evobuild.core.dvc_hash import dvc_md5
from evobuild.core.params import StageParams, declared_keys, declared_values, default_values, natural_key
from evobuild.core.prompts import included
from evobuild.core.stages import AFTER_SELECT, stage_instances
from evobuild.process.lock import read_installed_version
from evobuild.weights.identities import weights_identity


def in_shipped_order(values: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """Sort keys as the shipped params have them, others behind by name.

    DVC sees no reordering of params.yaml, so the card may not show one.
    """
    names = [
        *(name for name in shipped if name in values),
        *sorted(values.keys() - shipped.keys(), key=natural_key),
    ]
    return {name: _in_order_of(values[name], shipped.get(name)) for name in names}


def _in_order_of(value: Any, shipped: Any) -> Any:
    known = shipped if isinstance(shipped, Mapping) else {}
    return in_shipped_order(value, known) if isinstance(value, Mapping) else value


def collect_provenance(values: Mapping[str, Any], counts: Path) -> Provenance:
    """Collect what the stages of some params read.

    Args:
        values: the content of params.yaml.
        counts: the folder of the stages' counts; a role took part if a stage called or loaded its model.

    Raises UserError if a prompt or a file is missing.
    """
    values = in_shipped_order(values, default_values(Params))
    instances = [each for each in stage_instances(values) if each.stage.name not in {"check", *AFTER_SELECT}]
    names = {each.stage.name for each in instances}
    own = [each for each in import_declared_stages() if each.name in names]
    keys = list(dict.fromkeys(key for each in own for key in declared_keys(params_schema(each.main))))
    read, shipped = declared_values(values, keys), declared_values(default_values(Params), keys)
    stems = list(dict.fromkeys(each.stem for each in instances))
    told = read_counts(counts, stems)
    played = {entry["role"] for each in told.values() for entry in _iterate_models(each)}
    off = {each.stage.name for each in instances if told.get(each.stem, {}).get("off")}
    read["models"] = {role: model for role, model in sorted(read.get("models", {}).items()) if role in played}
    shipped["models"] = {role: shipped["models"][role] for role in read["models"]}
    whole = Params.model_validate(values)
    read["prompts"], shipped["prompts"] = whole.prompts, default_values(Params)["prompts"]
    parts = [
        schema.model_validate(values)
        for each in own
        if issubclass(schema := params_schema(each.main), StageParams)
    ]
    packages = list_packaged_roles(whole).values()
    files = [values["seed"]["source"], *(file for part in parts for file in part.named_files())]
    libraries = sorted({name for each in own if each.name not in off for name in each.stage.libraries})
    return Provenance(
        stages=stems,
        params=read,
        changed={key: {"value": value, "default": old} for key, old, value in _find_changes(shipped, read)},
        prompts={str(path): dvc_md5(path) for part in parts for path in included(part.templates()).values()},
        files={name: dvc_md5(Path(name)) for name in files if Path(name).exists()},
        libraries={name: version for name in libraries if (version := read_installed_version(name))},
        weights={model.name: weights_identity(model).partition("#")[2] for model in packages if model},
    )


def _iterate_models(told: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    """Yield the models that a stage's counts list."""
    yield from told.get("asked", ())
    yield from told.get("loaded", ())


def _find_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield each key whose value changed, with both values; a mapping with other keys counts as one value."""
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and value.keys() == old.keys():
            yield from _find_changes(old, value, f"{prefix}{key}.")
        elif value != old:
            yield f"{prefix}{key}", old, value
