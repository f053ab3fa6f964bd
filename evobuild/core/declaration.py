"""What a stage script declares: the one place in which a stage is described.

    class Params(StageParams):                                 # the sections of params.yaml that it reads
        rate: Rate

    @dataclass(frozen=True, kw_only=True)
    class Arguments:
        pool: str                                              # a name: --pool, wanted
        rows: Path = Path("data/rounds/{pool}.parquet")        # read: --rows, this path unless given
        source: Path = Path("${seed.source}")                  # read: the path that params.yaml gives there
        ratings: Out = out("data/measures/ratings/{pool}.parquet")      # written

    STAGE = Stage(desc="Rate the instructions of ${key}.", after="respond", per="pools", asks="judge")

    def main(params: Params, args: Arguments) -> None: ...

`evobuild pipeline` derives dvc.yaml and the roster, `core/stages.json`, from it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NewType, cast, get_type_hints

from evobuild.core.errors import UserError

Out = NewType("Out", Path)
"""A path that a stage writes; a file or a folder."""


MayLack = NewType("MayLack", Path)
"""Declare a path that a stage reads under some params alone. It may be missing; who opens it says so."""


def may_lack(path: str) -> MayLack:
    """Declare a path that a stage reads under some params alone."""
    return MayLack(Path(path))


def out(path: str, **options: object) -> Out:
    """Declare a path that a stage writes. options: of DVC, such as `push=False`."""
    return _written(path, "outs", options)


def metric(path: str) -> Out:
    """Declare a file of metrics that a stage writes and `dvc metrics` shows; git tracks it."""
    return _written(path, "metrics", {"cache": False})


def plot(path: str, **options: object) -> Out:
    """Declare a table that a stage writes and `dvc plots` shows; git tracks it. options: such as `x`."""
    return _written(path, "plots", {"cache": False, **options})


def _written(path: str, kind: str, options: Mapping[str, object]) -> Out:
    return cast(Out, field(default=Path(path), metadata={"kind": kind, "options": options}))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is known of a stage beside its params and its arguments.

    desc: what it does, in one line. after: the stage that it follows in dvc.yaml; '' for the first. per: the
    params key whose entries it runs for, one by one; '' if it runs once. given: arguments that are another
    than the entry's name, such as {"parent": "${item.parent}"}. keyed: params of which it reads its own entry
    alone. waits_for: paths that it depends on beside those of its arguments. asks: the role of the chat
    model that it asks most, '' for none. counts: what its counts are of. prompts: templates that it may
    render under some params, and folders of such, in the folder of prompts. libraries: packages that change
    what it makes; a reply of a chat model is data, whatever made it. plots, artifacts: entries of these
    sections of dvc.yaml. locked: other entries of evobuild.lock that it depends on, such as revisions.
    describes: the last of the stages whose params, prompts and libraries it depends on, too, since it writes
    them down.
    """

    desc: str
    after: str
    per: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    keyed: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    asks: str = ""
    counts: str = "rows"
    prompts: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    plots: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    artifacts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    locked: tuple[str, ...] = ()
    describes: str = ""


def declaration(main: Callable[..., None]) -> Stage | None:
    """Read what the script of a stage's main declares; None if it declares nothing."""
    found: Stage | None = main.__globals__.get("STAGE")
    return found


def instance_name(arguments: Any, kinds: Mapping[str, Any]) -> str:
    """Name the round, pool, branch or set that a stage runs for: the first given one, or ''."""
    return next((str(getattr(arguments, name)) for name, kind in kinds.items() if kind is str), "")


def params_schema(main: Callable[..., None]) -> Any:
    """Get the class of a stage's params."""
    return get_type_hints(main)["params"]


def argument_kinds(main: Callable[..., None]) -> dict[str, Any]:
    """Get the kinds of a stage's arguments: name to str, Path (read) or Out (written)."""
    return get_type_hints(get_type_hints(main)["args"])


def stage_arguments(
    main: Callable[..., None], given: Mapping[str, str | None], params: Any = None, folder: Path = Path()
) -> Any:
    """Build a stage's arguments: given paths, else the defaults with the given names filled in.

    folder: of relative paths. params: what the stage reads of them. A default such as ${seed.source} is the
    path that they give there, so that no command holds it, whatever its characters; without params it stays
    as it is.

    Raises UserError if a name is unknown or missing.
    """
    kind = get_type_hints(main)["args"]
    kinds = argument_kinds(main)
    names = {name: given.get(name) for name, kind_ in kinds.items() if kind_ is str}
    for name, value in names.items():
        if value is None or not re.fullmatch(r"[a-z][a-z0-9_]*", value):
            raise UserError(f"--{name}: {value!r}; expected a name of small letters, digits and '_'")
    values: dict[str, Any] = dict(names)
    for own in dataclasses.fields(kind):
        if kinds[own.name] is not str:
            path = given.get(own.name) or _default_path(str(own.default), names, params)
            values[own.name] = folder / path
    return kind(**values)


def _default_path(path: str, names: Mapping[str, str | None], params: Any) -> str:
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", str(value))
    if params is None or not (found := re.fullmatch(r"\$\{([a-z0-9_.]+)\}", path)):
        return path
    for key in found[1].split("."):
        try:
            params = params[key] if isinstance(params, dict) else getattr(params, key)
        except KeyError as error:
            raise UserError(f"params.yaml: {found[1]} is not there, and its path is to be read") from error
    return str(params)


def declared_arguments(main: Callable[..., None], given: Mapping[str, str | None]) -> Any:
    """Build a stage's arguments with its declared paths, whatever paths are given."""
    kind = get_type_hints(main)["args"]
    wanted = {field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
    return stage_arguments(main, {name: value for name, value in given.items() if name in wanted})
