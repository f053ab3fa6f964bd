"""The settings of each stage: what it reads of params, prompts, files and code, one small file each.

Stages depend on their file in `data/settings/`, so what settings switch off makes nothing stale, and what
DVC cannot see does: a prompt that another includes, a library, a package with a model. Instance, evolve-r1:

    {"params": {"random_seed": 42, "evolve": {…}, "models": {"evolver": "openai:gpt-4o"}},
     "prompts": {"prompts/judge/equal.jinja": "0cc1…"}, "files": {}, "code": {"evobuild/core": "5f0c…", …},
     "libraries": {"py3langid": "0.4.0"}, "weights": {}}

Contents are named by their MD5, as in dvc.lock, and folders of this library by a digest of their files.
Versions are those of requirements.lock, in a project those of evobuild.lock, the same on every machine, and
of extras that were installed since; a model that comes as a package counts by what is installed.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from evobuild.cli.resolve.provenance import STEM, made_with
from evobuild.contracts.earlier import md5_of
from evobuild.core import library
from evobuild.core.declaration import params_schema
from evobuild.core.dvc_hash import dvc_md5
from evobuild.core.params import Part, RendersPrompts, declared_keys, declared_values, validated
from evobuild.core.prompts import included, taken_from
from evobuild.core.reads import Given, params_read, values_read
from evobuild.core.stage_folders import FOLDERS_OF_STAGES
from evobuild.core.stages import OF_ALL_POOLS, STAGES, Stage, file_stem
from evobuild.core.uri import ChatModel, Weights
from evobuild.core.yaml_files import read_yaml
from evobuild.weights.identities import LIBRARIES, weights_identity

FOLDER = Path("data/settings")
FIRST = ("check", "fetch", "seed", "resolve")
"""Stages that run before settings are resolved; all that they depend on stands in dvc.yaml."""
LOCK = Path("requirements.lock")
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


class Instance(NamedTuple):
    """A stage, or one of those that are made of it. name: its round, pool, branch or set; '' for none."""

    stage: Stage
    name: str

    @property
    def stem(self) -> str:
        """The name of its files."""
        return file_stem(self.stage.name, self.name)


class Known(NamedTuple):
    """What several stages ask for, looked up once: versions, contents of folders, digests of weights."""

    pinned: Mapping[str, str]
    code: Mapping[str, str]
    digest: Callable[[Weights], str]


def stage_instances(values: Mapping[str, Any]) -> Iterator[Instance]:
    """Every stage with every name that it runs for, in order. values: params as they stand in the file."""
    for stage in STAGES:
        names: Any = values if stage.per else [""]
        for key in stage.per.split(".") if stage.per else ():
            names = names[key]
        yield from (Instance(stage, str(name)) for name in names)


def resolve_settings(params: Path, unanswered: int | None) -> dict[str, dict[str, Any]]:
    """The settings of each stage, as `resolve_settings_of`, from a params file."""
    return resolve_settings_of(read_yaml(params), unanswered)


def resolve_settings_of(values: Mapping[str, Any], unanswered: int | None) -> dict[str, dict[str, Any]]:
    """The settings of each stage, by the stem of its file, and what a data set is made with, by `STEM`.

    values: params as they stand in the file. unanswered: rows of r0 that came without an answer.

    Raises UserError at a prompt, a file or a package that is not as it should be.
    """
    known = Known(
        _pinned_versions(),
        library.library_digests(),
        cache(lambda weights: weights_identity(weights).partition("#")[2]),
    )
    every = list(stage_instances(values))
    own = [each for each in every if each.stage.name not in FIRST]
    with taken_from(Path(validated(Path("params.yaml"), values, RendersPrompts).prompts)):
        found = {each.stem: _settings(each, values, unanswered, known) for each in own}
        return found | {STEM: made_with(every, values, found, unanswered)}


def prompts_needed(values: Mapping[str, Any]) -> set[str]:
    """The prompts that stages may render under some params, without those that these include."""
    own = (each for each in stage_instances(values) if each.stage.name not in FIRST)
    return {name for each in own for name in _params_of(each, values).reads(_given(each, None)).prompts}


def write_settings(folder: Path, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a file for each stage into a new folder."""
    folder.mkdir()
    for stem, own in settings.items():
        (folder / f"{stem}.json").write_text(settings_text(own), encoding="utf-8")


def settings_text(own: Mapping[str, Any]) -> str:
    """A stage's settings as they stand in its file: the order of keys in params changes nothing."""
    return f"{json.dumps(own, indent=2, sort_keys=True, ensure_ascii=False)}\n"


def is_current(stem: str, own: Mapping[str, Any], folder: Path = FOLDER) -> bool:
    """Whether a stage's settings are those on disk."""
    path = folder / f"{stem}.json"
    return path.is_file() and path.read_text(encoding="utf-8") == settings_text(own)


def changed_contents(settings: Mapping[str, Mapping[str, Any]], folder: Path = FOLDER) -> list[str]:
    """What has another content than in the settings on disk: a file, a model whose package was upgraded."""
    found = set()
    for stem, own in settings.items():
        path = folder / f"{stem}.json"
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        for kind in ("weights", "files"):
            known = before.get(kind, {})
            found |= {name for name, digest in own[kind].items() if known.get(name, digest) != digest}
    return sorted(found)


def _settings(
    instance: Instance, values: Mapping[str, Any], unanswered: int | None, known: Known
) -> dict[str, Any]:
    params = _params_of(instance, values)
    reads = params.reads(_given(instance, unanswered))
    declared = declared_values(values, declared_keys(type(params)))
    models = list(_models(params_read(params, reads)))
    libraries: set[str] = set()
    if reads.libraries is not None:
        libraries = {*reads.libraries, *(library for model in models for library in _libraries(model))}
    # Of the few that read one: without the key, settings of all others stay as they were.
    versions = {"versions": {each: md5_of(each) for each in reads.versions}} if reads.versions else {}
    return versions | {
        "params": values_read(declared, reads),
        "prompts": {str(path): dvc_md5(path) for path in included(reads.prompts).values()},
        "files": {name: dvc_md5(Path(name)) for name in reads.files},
        "code": {f"evobuild/{name}": known.code[name] for name in FOLDERS_OF_STAGES[instance.stage.name]},
        "libraries": {name: known.pinned[name] for name in sorted(libraries) if name in known.pinned},
        "weights": {
            model.name: known.digest(model)
            for model in models
            if isinstance(model, Weights) and model.package and reads.libraries is not None
        },
    }


def _params_of(instance: Instance, values: Mapping[str, Any]) -> Part:
    """What a stage reads of params."""
    params: Part = params_schema(
        importlib.import_module(f"stages.{instance.stage.name}").main
    ).model_validate(values)
    return params


def _given(instance: Instance, unanswered: int | None) -> Given:
    """What a stage knows beside its params."""
    return Given("" if instance.stage.name in OF_ALL_POOLS else instance.name, unanswered)


def _models(value: object) -> Iterator[ChatModel | Weights]:
    """Every model that params name."""
    if isinstance(value, ChatModel | Weights):
        yield value
    elif isinstance(value, BaseModel | dict):
        for own in (value.__dict__ if isinstance(value, BaseModel) else value).values():
            yield from _models(own)


def _libraries(model: ChatModel | Weights) -> tuple[str, ...]:
    """Those that change what it gives. vLLM is in no lock file; servers have libraries of their own."""
    if isinstance(model, ChatModel) and model.engine != "transformers":
        return ()
    return (*LIBRARIES, "peft") if model.adapter else LIBRARIES


def _pinned_versions() -> dict[str, str]:
    if library.LOCK.is_file():
        return library.locked_versions()
    return {name.lower(): version for name, version in _PINNED.findall(LOCK.read_text(encoding="utf-8"))}
