"""params.yaml as typed records: strict sections, what a stage declares of them, and mistakes said in a line.

There are no defaults: params.yaml shows every value that defines a result. The schema of a section lies
with its domain, in `evobuild/<domain>/params.py`; only `check` knows them all. A stage is given a `Part`,
which has the keys that it declares and no other, so that mypy refuses what dvc.yaml does not list.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from evobuild.core.chat import Sampling
from evobuild.core.errors import BadParams
from evobuild.core.reads import Given, Reads


class Section(BaseModel):
    """A part of params.yaml as it stands there: unknown keys, wrong types and NaN are errors.

    renamed: keys that are no more, each with what is given instead.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )
    renamed: ClassVar[dict[str, str]] = {}


class Part(BaseModel):
    """What a stage reads of params.yaml: its fields are sections, or Parts with keys of a section.

    All else in the file is left out, for `check` has held all of it against its schema before.
    """

    model_config = ConfigDict(
        extra="ignore", strict=True, frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )

    def reads(self, given: Given) -> Reads:
        """What the stage reads under these settings. A stage that may leave something unread says it here."""
        return Reads()


Share = Annotated[float, Field(gt=0, le=1)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
"""A count of which 0 switches something off."""
Positive = Annotated[float, Field(gt=0)]
RandomSeed = Annotated[int, Field(ge=0, lt=2**31)]
Dtype = Literal["float32", "bfloat16", "float16"]


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise ValueError("expected a name of small letters, digits and '_'")
    return value


def _bound(value: object) -> object:
    if not (isinstance(value, str) and re.fullmatch(r"(above|from):\d+(\.\d+)?", value)):
        raise ValueError("expected 'above:<number>', or 'from:<number>' for that number and more")
    return value


Name = Annotated[str, AfterValidator(_name)]
Bound = Annotated[str, BeforeValidator(_bound)]
"""What a figure must be: above a number, or from one on."""


class Decoding(Section):
    """How a chat model writes: the keys that every section has whose stage asks one."""

    temperature: Temperature
    top_p: Share
    max_tokens: Count

    def sampling(self, seed: int, logprobs: int = 0) -> Sampling:
        """The settings of a request. logprobs: tokens at each position whose probability is told."""
        return Sampling(self.temperature, self.top_p, self.max_tokens, seed=seed, logprobs=logprobs)


class Round(Section):
    parent: Name


class Branch(Section):
    pass


class Pool(Section):
    pass


Rounds = dict[Name, Round]
Branches = dict[Literal["autoif"], Branch]
Pools = dict[Name, Pool]

Schema = TypeVar("Schema", bound=BaseModel)


def load_params(path: Path, schema: type[Schema]) -> Schema:
    """Read what a schema names of a YAML file.

    Raises BadParams naming the first wrong keys, their values and what was wanted.
    """
    try:
        return schema.model_validate(read_yaml(path))
    except ValidationError as error:
        raise BadParams(explain_errors(path, error, schema)) from error


def declared_keys(schema: type[BaseModel]) -> Iterator[str]:
    """The keys of params.yaml that a Part reads, such as "evolve" and "models.evolver"."""
    for name, field in schema.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Part):
            yield from (f"{name}.{key}" for key in declared_keys(kind))
        else:
            yield name


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


def read_yaml(path: Path) -> dict[str, Any]:
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


def explain_errors(path: Path, error: ValidationError, schema: type[BaseModel]) -> str:
    """Say what is wrong with a file, in two lines at the most."""
    lines = list(_lines(error, schema))
    more = f" (and {len(lines) - 2} more)" if len(lines) > 2 else ""
    return "\n".join(f"{path}: {line}" for line in lines[:2]) + more


def first_error(error: ValidationError, schema: type[BaseModel]) -> str:
    """Say the first thing that is wrong with a section."""
    return next(_lines(error, schema))


def _lines(error: ValidationError, schema: type[BaseModel]) -> Iterator[str]:
    # A misspelt key is also a missing one: name the cause first. Of an old key the new name is enough.
    replacing = ""
    for item in sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden"):
        place = ".".join(str(part) for part in item["loc"] if part != "[key]")
        if item["type"] == "extra_forbidden":
            line = _unknown_key(place, schema, item["loc"])
            replacing += line.partition("' is now ")[2]
            yield line
        elif item["type"] == "missing":
            if place not in replacing:
                yield f"the key '{place}' is missing"
        else:
            message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            wanted = message if message.startswith(("expected", "the ")) else f"expected {message}"
            yield f"{place} is {item['input']!r}; {wanted}"


def _unknown_key(place: str, schema: type[BaseModel], location: tuple[Any, ...]) -> str:
    section = _schema_at(schema, location[:-1])
    key, known = str(location[-1]), list(section.model_fields)
    if new := getattr(section, "renamed", {}).get(key):
        return f"the key '{place}' is now {new}"
    close = difflib.get_close_matches(key, known, 1)
    hint = f"; did you mean '{close[0]}'?" if close else f"; known here: {', '.join(known)}"
    return f"unknown key '{place}'{hint}"


def _schema_at(schema: type[BaseModel], location: tuple[Any, ...]) -> type[BaseModel]:
    """The schema of a place of a file: of a section, or of an entry of a dict of sections."""
    annotation: Any = schema
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = annotation.model_fields[str(part)].annotation
        else:
            annotation = get_args(annotation)[1]
    found: type[BaseModel] = annotation
    return found


def _at(mark: yaml.Mark | None) -> str:
    return f"{Path(mark.name).name}:{mark.line + 1}" if mark else "params.yaml"
