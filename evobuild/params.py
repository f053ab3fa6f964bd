"""params.yaml as typed records: the one place that knows every key, its type and its range.

There are no defaults here: params.yaml shows every value that defines a result. A stage gets only
the parts that it names (`load`), so that it cannot depend on a value that dvc.yaml does not list.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from evobuild.errors import BadParams
from evobuild.uri import ChatModel, Weights, parse_chat_model, parse_weights

Share = Annotated[float, Field(gt=0, le=1)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Operation = Literal["constraints", "deepening", "concretizing", "reasoning", "breadth"]
Metric = Literal["ic_ifd", "ifd", "ifd_ppl", "perplexity", "length", "difficulty", "random"]


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise ValueError("expected a name of small letters, digits and '_'")
    return value


def _all_or_names(value: object) -> object:
    if value != "all" and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise ValueError("expected 'all' or a list of names")
    return value


Name = Annotated[str, AfterValidator(_name)]


def _parsed(parse: Any) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


class Section(BaseModel):
    """A part of params.yaml: unknown keys, wrong types and NaN are errors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


class Fetch(Section):
    """A data set of the hub, pinned."""

    hub: str
    config: str | None
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    split: str


class Seed(Section):
    source: str
    format: Literal["auto", "alpaca", "gsm8k", "sharegpt", "messages"]
    domain: str | None
    rows: Count | None
    held_out: Annotated[float, Field(gt=0, lt=1)]
    near_duplicate: Share


class Models(Section):
    evolver: Annotated[ChatModel, _parsed(parse_chat_model)]
    optimizer: Annotated[ChatModel, _parsed(parse_chat_model)]
    responder: Annotated[ChatModel, _parsed(parse_chat_model)]
    judge: Annotated[ChatModel, _parsed(parse_chat_model)]
    scorer: Annotated[Weights, _parsed(parse_weights)]
    base: Annotated[Weights, _parsed(parse_weights)]


class Scratch(Section):
    vocabulary: Annotated[int, Field(ge=300)]
    steps: Count
    batch: Count
    length: Annotated[int, Field(ge=8, le=2048)]
    learning_rate: Positive


class Optimize(Section):
    pool: Count
    development: Count
    batch: Count
    trajectory_rounds: Count
    candidates: Count
    steps: Annotated[int, Field(ge=0)]
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Round(Section):
    parent: Name


class Evolve(Section):
    strategy: Literal["auto", "evol"]
    method: Literal["optimized", "e0", "weak"]
    operations: Annotated[list[Operation], Field(min_length=1)]
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Pool(Section):
    pass


class Respond(Section):
    seed_answers: Literal["keep", "replace"]
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Rate(Section):
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Score(Section):
    max_length: Annotated[int, Field(ge=8)]
    batch_tokens: Count


class Select(Section):
    pools: Annotated[Literal["all"] | list[str], BeforeValidator(_all_or_names)]
    metric: Metric
    share: Share
    max_ifd: Positive | None


class Finetune(Section):
    epochs: Positive
    batch: Count
    learning_rate: Positive
    warmup: Annotated[float, Field(ge=0, lt=1)]
    max_length: Annotated[int, Field(ge=8)]
    lora_rank: Annotated[int, Field(ge=0)]


class Evaluate(Section):
    max_length: Annotated[int, Field(ge=8)]
    batch_tokens: Count


class Report(Section):
    examples: Count


class Params(Section):
    """The whole of params.yaml."""

    random_seed: Annotated[int, Field(ge=0, lt=2**31)]
    fetch: dict[Name, Fetch]
    seed: Seed
    models: Models
    scratch: Scratch
    optimize: Optimize
    rounds: dict[Name, Round]
    evolve: Evolve
    pools: dict[Name, Pool]
    respond: Respond
    rate: Rate
    score: Score
    select: Select
    finetune: Finetune
    evaluate: Evaluate
    report: Report


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


def read(path: Path) -> dict[str, Any]:
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


def load(path: Path, names: tuple[str, ...] | None = None) -> Params:
    """Read and check a params file, and give the named parts of it.

    names: sections or keys of sections, such as ("random_seed", "evolve", "models.evolver");
    None means all. Anything else is absent from the result: reading it is an AttributeError.

    Raises BadParams naming the first wrong keys, their values and what was wanted.
    """
    try:
        params = Params.model_validate(read(path))
    except ValidationError as error:
        # A misspelt key is also a missing one: name the cause first.
        found = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        lines = list(_lines([dict(item) for item in found]))
        more = f" (and {len(lines) - 2} more)" if len(lines) > 2 else ""
        raise BadParams("\n".join(f"{path}: {line}" for line in lines[:2]) + more) from error
    return params if names is None else _view(params, names)


def _view(params: Params, names: tuple[str, ...]) -> Params:
    parts: dict[str, Any] = {}
    keys: dict[str, dict[str, Any]] = {}
    for name in names:
        section, _, key = name.partition(".")
        if key:
            keys.setdefault(section, {})[key] = getattr(getattr(params, section), key)
        else:
            parts[section] = getattr(params, section)
    for section, values in keys.items():
        parts[section] = type(getattr(params, section)).model_construct(**values)
    return Params.model_construct(**parts)


def _lines(errors: list[dict[str, Any]]) -> Iterator[str]:
    for item in errors:
        place = ".".join(str(part) for part in item["loc"] if part != "[key]")
        if item["type"] == "extra_forbidden":
            known = _keys(item["loc"][:-1])
            close = difflib.get_close_matches(str(item["loc"][-1]), known, 1)
            hint = f"; did you mean '{close[0]}'?" if close else f"; known here: {', '.join(known)}"
            yield f"unknown key '{place}'{hint}"
        elif item["type"] == "missing":
            yield f"the key '{place}' is missing"
        else:
            message = item["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            wanted = message if message.startswith(("expected", "the ")) else f"expected {message}"
            yield f"{place} is {item['input']!r}; {wanted}"


def _keys(location: tuple[Any, ...]) -> list[str]:
    """The keys known at a place of params.yaml: of a section, or of an entry of a dict of sections."""
    annotation: Any = Params
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, Section):
            annotation = annotation.model_fields[str(part)].annotation
        else:
            annotation = get_args(annotation)[1]
    return list(annotation.model_fields)


def _at(mark: yaml.Mark | None) -> str:
    return f"{Path(mark.name).name}:{mark.line + 1}" if mark else "params.yaml"
