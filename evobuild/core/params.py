"""params.yaml as typed records: strict sections, what a stage declares of them, and one-line errors.

The schema of a section is in its domain, `evobuild/<domain>/params.py`; only `check` imports them all. It has
a default for each key. A params file still gives every key, so that it shows each value that defines a
result; the shipped one shows the defaults. A stage gets its `StageParams`, which have the keys that it
declares and no other, so that mypy refuses what dvc.yaml does not list.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
)
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from evobuild.core.chat import Sampling
from evobuild.core.errors import BadParams
from evobuild.core.param_errors import explain_errors
from evobuild.core.yaml_files import read_yaml


class Section(BaseModel):
    """A section of params.yaml: unknown keys, wrong types and NaN are errors.

    Defaults are read as values of the file are. renamed: keys that are no more, each with what is given
    instead.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        str_max_length=4096,
        validate_default=True,
    )
    renamed: ClassVar[dict[str, str]] = {}


class StageParams(BaseModel):
    """What a stage reads of params.yaml: its fields are sections, or Parts with keys of a section.

    All else in the file is left out, for `check` has held all of it against its schema before.
    """

    model_config = ConfigDict(
        extra="ignore", strict=True, frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )

    def templates(self) -> tuple[str, ...]:
        """Name the prompts that the stage may render under these params, without those that they include."""
        return ()

    def named_files(self) -> tuple[str, ...]:
        """Give the paths that these params name where no argument does: they are deps in dvc.yaml."""
        return ()

    def unread_arguments(self) -> tuple[str, ...]:
        """Name the arguments that are not read under these params: they are no deps in dvc.yaml."""
        return ()


@dataclass(frozen=True)
class Between:
    """The least and the most that a number may be.

    Every number has both: far beyond what is of use, and below what would run for days or fill the memory.
    """

    least: float
    most: float

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._held, handler(source))

    def _held(self, value: float) -> float:
        if not self.least <= value <= self.most:
            raise ValueError(f"expected a number from {_shown(self.least)} to {_shown(self.most)}")
        return value


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _not_nearly_0(value: float) -> float:
    if 0 < value < 0.001:
        raise ValueError("expected 0, or a number from 0.001 to 2")
    return value


Share = Annotated[float, Between(1e-6, 1)]
Temperature = Annotated[float, Between(0, 2), AfterValidator(_not_nearly_0)]
Count = Annotated[int, Between(1, 10**9)]
"""Of rows and the like: more than there are means all."""
CountOrNone = Annotated[int, Between(0, 10**9)]
"""A count of which 0 switches something off."""
Few = Annotated[int, Between(1, 1000)]
"""A count of what is made or gone through one by one."""
FewOrNone = Annotated[int, Between(0, 1000)]
Tokens = Annotated[int, Between(1, 2**20)]
Length = Annotated[int, Between(8, 2**20)]
"""Of a text that a model in this process reads, in tokens."""
Weight = Annotated[float, Between(1e-6, 1e6)]
RandomSeed = Annotated[int, Between(0, 2**31 - 1)]
Dtype = Literal["float32", "bfloat16", "float16"]


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise ValueError("expected a name of small letters, digits and '_'")
    return value


def _bound(value: object) -> object:
    if not (isinstance(value, str) and re.fullmatch(r"(above|from):\d{1,6}(\.\d{1,12})?", value)):
        raise ValueError("expected 'above:<number>', or 'from:<number>' for that number and more")
    return value


Name = Annotated[str, AfterValidator(_name)]
PromptFolder = Annotated[str, AfterValidator(os.path.normpath)]
"""The folder with all prompts, such as "prompts"."""
Bound = Annotated[str, BeforeValidator(_bound)]
"""What a figure must be: above a number, or from one on."""


def meets_bound(bound: Bound, value: float) -> bool:
    """Whether a value is as a bound says: 'above:0.5' or 'from:0.8'."""
    word, _, number = bound.partition(":")
    return value > float(number) if word == "above" else value >= float(number)


def default(value: Any) -> Any:
    """Declare a default as params.yaml has it, if its schema has another type or it is mutable."""
    return Field(default=value)


class Decoding(Section):
    """How a chat model writes: the keys that every section has whose stage asks one."""

    temperature: Temperature = 0.0
    top_p: Share = 1.0
    max_tokens: Tokens = 512

    def sampling(self, seed: int, logprobs: int = 0) -> Sampling:
        """Build the sampling of a request. logprobs: most probable tokens to report at each position."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, seed=seed, logprobs=logprobs)


class Tables(Section):
    """rows_per_file: rows above which a table is a folder of Parquet parts."""

    rows_per_file: Count = 1_000_000


class WritesTables(StageParams):
    """What a stage reads that writes tables which may be large."""

    tables: Tables


class RendersPrompts(StageParams):
    """What every stage and command reads that renders a prompt; `check` holds it to be there."""

    prompts: PromptFolder = "prompts"


class Round(Section):
    parent: Name


class Branch(Section):
    pass


class Pool(Section):
    pass


Rounds = Annotated[dict[Name, Round], Field(max_length=100)]
Branches = dict[Literal["autoif"], Branch]


def _rounds_first(pools: dict[str, Pool]) -> dict[str, Pool]:
    """Move branches behind rounds."""
    branches = get_args(get_args(Branches)[0])
    return dict(sorted(pools.items(), key=lambda each: each[0] in branches))


Pools = Annotated[dict[Name, Pool], Field(max_length=102), AfterValidator(_rounds_first)]

Schema = TypeVar("Schema", bound=BaseModel)


def load_params(path: Path, schema: type[Schema]) -> Schema:
    """Read what a schema names of a params file.

    Raises BadParams naming the first wrong or missing keys, their values and what was wanted.
    """
    return validated(path, read_yaml(path), schema)


def validated(path: Path, content: object, schema: type[Schema], *, whole: bool = True) -> Schema:
    """Check what was read of a file against its schema.

    whole: every key of a section must be there, even one with a default. Raises BadParams as `load_params`.
    """
    missing = list(_missing_items(content, schema)) if whole else []
    try:
        found = schema.model_validate(in_order(content))
    except ValidationError as error:
        raise BadParams(explain_errors(path, [*error.errors(), *missing], schema)) from error
    if missing:
        raise BadParams(explain_errors(path, missing, schema))
    return found


def in_order(content: Any) -> Any:
    """Sort the keys of every mapping, r2 before r10, so that no result depends on their order in the file.

    DVC compares params by value: a reordering makes nothing stale, so it may change nothing.
    """
    if isinstance(content, list):
        return [in_order(each) for each in content]
    if not isinstance(content, Mapping):
        return content
    return {key: in_order(content[key]) for key in sorted(content, key=natural_key)}


def natural_key(name: object) -> list[str | int]:
    """Give what sorts names with the numbers in them by value: every second entry is a number."""
    parts = re.split(r"(\d+)", str(name))
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _missing_items(
    content: object, schema: type[BaseModel], place: tuple[str, ...] = ()
) -> Iterator[ErrorDetails]:
    """Find keys of sections that are left out and have a default; pydantic tells of those without."""
    if not isinstance(content, Mapping):
        return
    for name, field in schema.model_fields.items():
        kind, location = field.annotation, (*place, name)
        if name not in content:
            if issubclass(schema, Section) and not field.is_required():
                yield {"type": "missing", "loc": location, "msg": "Field required", "input": content}
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _missing_items(content[name], kind, location)


def default_values(schema: type[Section]) -> dict[str, Any]:
    """Build the defaults of a section, as params.yaml has them: {"rows": 12, "temperature": 0.7, …}."""
    found = {}
    for name, field in schema.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            found[name] = default_values(kind)
        else:
            found[name] = field.get_default(call_default_factory=True)
    return found


def declared_keys(schema: type[BaseModel]) -> Iterator[str]:
    """List the keys of params.yaml that StageParams read, such as "evolve" and "models.evolver"."""
    for name, field in schema.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, StageParams):
            yield from (f"{name}.{key}" for key in declared_keys(kind))
        else:
            yield name


def declared_values(values: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Select the params under some keys, such as "evolve" and "models.evolver", if they exist."""
    found: dict[str, Any] = {}
    for key in keys:
        *sections, last = key.split(".")
        at, own = values, found
        for section in sections:
            at, own = at.get(section, {}), own.setdefault(section, {})
        if last in at:
            own[last] = at[last]
    return found


def changed(values: Mapping[str, Any], changes: Mapping[str, Any], schema: type[BaseModel]) -> dict[str, Any]:
    """Change params in place; keys of a section that have no change stay.

    A mapping that is no section, such as `select.by`, is replaced. Tuples and paths become lists and texts.
    """
    found = dict(values)
    for key, value in changes.items():
        kind = schema.model_fields[key].annotation if key in schema.model_fields else None
        if isinstance(value, Mapping) and isinstance(kind, type) and issubclass(kind, BaseModel):
            found[key] = changed(values[key], value, kind)
        else:
            found[key] = _as_in_yaml(value)
    return found


def _as_in_yaml(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_in_yaml(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_in_yaml(each) for each in value]
    return str(value) if isinstance(value, Path) else value
