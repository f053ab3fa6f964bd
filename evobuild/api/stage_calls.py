"""Call stages outside a project: the `main` of a script, on tables in a scratch folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.cli.check.all_params import Params
from evobuild.cli.pipeline.declared_stages import import_shipped_stage
from evobuild.core import prompts, sqlite_cache, tables
from evobuild.core.declaration import Out, argument_kinds, params_schema, stage_arguments
from evobuild.core.errors import BadParams, NothingLeft, UserError
from evobuild.core.library import template_folder
from evobuild.core.params import changed, default_values, validated
from evobuild.core.rejects import REJECTS
from evobuild.core.scratch import ScratchFolder
from evobuild.models.client import interactive

ModelName = str | Mapping[str, object]  # as params.yaml names a model: its URI, or that with options
Cache = str | Path | None  # the folder of replies and measurements; None: they are not kept
_defaults = once(default_values)


@contextmanager
def open_stages(cache: Cache = None, seed: int | None = None, **models: ModelName | None) -> Iterator[Stages]:
    """Open a scratch folder for stages. seed: None is the shipped one. models: by role."""
    named: dict[str, Any] = {role: model for role, model in models.items() if model is not None}
    own = {"models": named} if seed is None else {"models": named, "random_seed": seed}
    with ScratchFolder() as folder, interactive():
        kept = Path(cache).expanduser().absolute() if cache else folder / "cache"
        with (
            sqlite_cache.use_cache_folder(kept),
            prompts.use_folder(template_folder() / "prompts", prompts.FOLDER),
        ):
            yield Stages(folder, own)


@dataclass
class Stages:
    """Stages that read what those before them wrote. own: changes for all. params: of the last that ran."""

    folder: Path
    own: Mapping[str, Any]
    params: Any = None

    def run(self, stage: str, changes: Mapping[str, object], **given: Any) -> Any:
        """Run a stage, which may reject all its rows, and return its arguments. Raises UserError as it does.

        changes: of the shipped params, by section. given: by argument, its name, or the input: a text, a
        table, or what a folder holds, by name.
        """
        main = import_shipped_stage(stage).main
        kinds, schema = argument_kinds(main), params_schema(main)
        values = changed(_defaults(Params), {**changes, **self.own}, schema)
        self.params = validated(Path(stage), values, schema)
        if models := getattr(self.params, "models", None):
            for role in type(models).model_fields.keys() - self.own["models"].keys():
                models.__dict__[role] = _Missing(role)
        names = {name: given.pop(name) for name, kind in kinds.items() if kind is str}
        args = stage_arguments(main, names, self.params, self.folder)
        for name, content in given.items():
            _write(getattr(args, name), content)
        for out in (getattr(args, name) for name, kind in kinds.items() if kind is Out):
            out.parent.mkdir(parents=True, exist_ok=True)
        try:
            main(self.params, args)
        except UserError as error:
            if not (isinstance(error, NothingLeft) and error.rejects):
                error.args = (str(error).replace(f"{self.folder}/", ""),)
                raise
        return args


class _Missing:
    """A model that the caller did not name. Raises BadParams where it is used."""

    def __init__(self, role: str) -> None:
        self._role = role

    def __getattr__(self, name: str) -> Any:
        raise BadParams(f"{self._role} is missing; these settings need it")


def _write(path: Path, content: Any) -> None:
    if isinstance(content, Mapping):
        for name, each in content.items():
            _write(path / (f"{name}.parquet" if isinstance(each, pl.DataFrame) else name), each)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(path, content) if isinstance(content, pl.DataFrame) else path.write_text(content, "utf-8")


def read_table(path: Path, schema: pl.Schema = REJECTS) -> pl.DataFrame:
    """Read what a stage wrote; one that rejects all its rows writes no other table."""
    return tables.read(path, schema) if path.exists() else schema.to_frame()
