"""params.yaml as typed records: the one place that knows every key, its type and its range.

There are no defaults here: params.yaml shows every value that defines a result. A stage gets only
the parts that it names (`load`), so that it cannot depend on a value that dvc.yaml does not list.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from evobuild.core.errors import BadParams
from evobuild.core.sections import Section, explained, first_line, read
from evobuild.core.uri import ChatModel, Weights, parse_chat_model, parse_weights
from evobuild.sandbox.params import Limits

Share = Annotated[float, Field(gt=0, le=1)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Dtype = Literal["float32", "bfloat16", "float16"]
Operation = Literal["constraints", "deepening", "concretizing", "reasoning", "complicate_input", "breadth"]
Operations = Annotated[list[Operation], Field(min_length=1)]
Measure = Literal["level", "score"]
Metric = Literal[
    "ic_ifd",
    "ifd",
    "ifd_ppl",
    "perplexity",
    "length",
    "difficulty",
    "reward",
    "diversity",
    "tags",
    "random",
]
Range = Annotated[list[float | None], Field(min_length=2, max_length=2)]
"""The least and the most, each of them null for no bound."""


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise ValueError("expected a name of small letters, digits and '_'")
    return value


def _bound(value: object) -> object:
    if not (isinstance(value, str) and re.fullmatch(r"(above|from):\d+(\.\d+)?", value)):
        raise ValueError("expected 'above:<number>', or 'from:<number>' for that number and more")
    return value


def _all_or_names(value: object) -> object:
    if value != "all" and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise ValueError("expected 'all' or a list of names")
    return value


def _weighted(value: object) -> object:
    """Read what rows are chosen by: one metric, or a weight for each of several."""
    if isinstance(value, str) and value in get_args(Metric):
        return {value: 1.0}
    if not isinstance(value, dict) or not value:
        raise ValueError(
            f"expected {', '.join(get_args(Metric))}, or several with weights, {{ic_ifd: 1, difficulty: 0.5}}"
        )
    return value


Name = Annotated[str, AfterValidator(_name)]
Bound = Annotated[str, BeforeValidator(_bound)]
"""What a figure must be: above a number, or from one on."""

OF_THE_SERVER = ("dtype", "quantization", "adapter")
"""Options of a role that only whoever loads the model can heed: a server's are given at its start."""


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


class Role(Section):
    """A chat role whose model has options; a role without is just its URI."""

    uri: str
    dtype: Dtype | None = None
    quantization: str | None = None
    max_length: Count | None = None
    adapter: str | None = None


def _chat_model(value: object) -> object:
    """Read a role: its URI, or a mapping with the URI and options."""
    if isinstance(value, str):
        return parse_chat_model(value)
    if not isinstance(value, dict):
        return value
    try:
        role = Role.model_validate(value)
    except ValidationError as error:
        raise ValueError(f"expected a URI, or {{uri: …, option: …}}: {first_line(error, Role)}") from error
    model = replace(parse_chat_model(role.uri), **role.model_dump(exclude={"uri"}, exclude_none=True))
    if model.engine == "openai" and (given := [name for name in OF_THE_SERVER if getattr(model, name)]):
        raise ValueError(
            f"expected no {' and no '.join(given)} beside openai:, which cannot ask for it; "
            "start the server with it, and give the name that it serves the model under"
        )
    return model


Chat = Annotated[ChatModel, BeforeValidator(_chat_model)]
CausalLM = Annotated[
    Weights, BeforeValidator(lambda value: parse_weights(value) if isinstance(value, str) else value)
]


class Adapted(Section):
    """A scorer with a LoRA folder; one without is just its hub id or folder."""

    uri: str
    adapter: str | None = None


def _adapted(value: object) -> object:
    """Read a scorer: its name, or a mapping with the name and an adapter."""
    if isinstance(value, str):
        return parse_weights(value)
    if not isinstance(value, dict):
        return value
    try:
        given = Adapted.model_validate(value)
    except ValidationError as error:
        raise ValueError(
            f"expected a name, or {{uri: …, adapter: …}}: {first_line(error, Adapted)}"
        ) from error
    return replace(parse_weights(given.uri), adapter=given.adapter or "")


AdaptedLM = Annotated[Weights, BeforeValidator(_adapted)]


class Models(Section):
    """Who plays which role; null where there is none, and nothing is measured."""

    evolver: Chat
    optimizer: Chat
    responder: Chat
    judge: Chat
    scorer: AdaptedLM | None
    base: CausalLM
    embedder: CausalLM | None
    reward: CausalLM | None
    tagger: Chat | None
    entailment: CausalLM | None


class Scratch(Section):
    vocabulary: Annotated[int, Field(ge=300)]
    steps: Count
    batch: Count
    length: Annotated[int, Field(ge=8, le=2048)]
    learning_rate: Positive


class Optimize(Section):
    initial: Literal["e0", "weak", "file"]
    pool: Count
    development: Count
    holdout: Annotated[int, Field(ge=0)]
    batch: Count
    trajectory_rounds: Count
    candidates: Count
    steps: Annotated[int, Field(ge=0)]
    incumbent: bool
    patience: Count
    ties: Literal["shorter", "first"]
    halving: Annotated[int, Field(ge=2)] | None
    difficulty_weight: Annotated[float, Field(ge=0)]
    evolver_temperature: Temperature
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Round(Section):
    parent: Name


class Failures(Section):
    """What counts as a failed evolution, besides what cannot be used at all."""

    max_growth: Count | None
    language: bool
    lost_content: bool
    equal: bool


class Evolve(Section):
    strategy: Literal["auto", "evol"]
    method: Literal["optimized", "e0", "weak", "file"]
    file: str
    operations: dict[str, Operations]
    schedule: Literal["fixed", "random"]
    temperature: Temperature
    top_p: Share
    max_tokens: Count
    failures: Failures
    on_failure: Literal["drop", "keep_parent", "retry"]
    retries: Count
    token_probability: bool


class Branch(Section):
    pass


class Augment(Section):
    rounds: Annotated[int, Field(ge=0)]
    count: Count
    examples: Count
    near_duplicate: Share
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Verifiers(Section):
    count: Count
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Crosscheck(Section):
    case: Bound
    function: Bound
    min_functions: Count
    min_cases: Count
    constraints: Count | None


class Backtranslate(Section):
    functions: Annotated[int, Field(ge=0)]
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Compose(Section):
    queries: Count
    min_characters: Count
    max_characters: Count
    domains: list[str]


class Answers(Section):
    count: Annotated[int, Field(ge=0)]
    accuracy: Bound
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Quality(Section):
    score: Bound | None
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class AutoIF(Section):
    seeds: str
    augment: Augment
    verifiers: Verifiers
    crosscheck: Crosscheck
    backtranslate: Backtranslate
    compose: Compose
    answers: Answers
    quality: Quality


class Pool(Section):
    pass


class Respond(Section):
    seed_answers: Literal["keep", "replace"]
    rules: list[Literal["auto_evol", "wizardlm"]]
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Keywords(Section):
    rows: Annotated[int, Field(ge=0)]
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Rate(Section):
    measures: list[Measure]
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Score(Section):
    template: Literal["plain", "chat", "authors", "superfiltering"]
    dtype: Dtype
    max_length: Annotated[int, Field(ge=8)]
    batch_tokens: Count


class Diversity(Section):
    distance: Literal["l2", "squared", "cosine"]
    exact_rows: Count


class Reward(Section):
    dtype: Literal["float32", "bfloat16", "float16"]
    max_length: Annotated[int, Field(ge=8)]
    batch_tokens: Count


class Tag(Section):
    rows: Count | None
    temperature: Temperature
    top_p: Share
    max_tokens: Count


class Decontaminate(Section):
    ngrams: list[Count]
    embedding: Share | None
    sets: dict[Name, str]
    columns: dict[Name, Annotated[list[str], Field(min_length=1)]]


class Filters(Section):
    """What a row must be like. ranges: of any metric but random."""

    max_ifd: Positive | None
    ranges: dict[Metric, Range]
    min_words: Count | None
    max_words: Count | None
    languages: list[str]


class Duplicates(Section):
    """How alike two rows may be, besides equal ones, of which always one stays."""

    near: Share | None
    embedding: Share | None


class Select(Section):
    pools: Annotated[Literal["all"] | list[str], BeforeValidator(_all_or_names)]
    weights: dict[Name, Positive]
    keep_seeds: bool
    filters: Filters
    duplicates: Duplicates
    contamination: list[Annotated[str, Field(pattern=r"^([1-9][0-9]*-gram|embedding)$")]]
    by: Annotated[dict[Metric, Positive], BeforeValidator(_weighted)]
    share: Share | None
    count: Count | None
    per_domain: bool
    greedy: Annotated[float, Field(gt=0, le=2)] | None


class Export(Section):
    formats: list[Literal["alpaca", "sharegpt", "messages", "trl", "datasets"]]


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
    branches: dict[Literal["autoif"], Branch]
    autoif: AutoIF
    sandbox: Limits
    pools: dict[Name, Pool]
    keywords: Keywords
    respond: Respond
    rate: Rate
    score: Score
    diversity: Diversity
    reward: Reward
    tag: Tag
    decontaminate: Decontaminate
    select: Select
    export: Export
    finetune: Finetune
    evaluate: Evaluate
    report: Report


def load(path: Path, names: tuple[str, ...] | None = None) -> Params:
    """Read and check a params file, and give the named parts of it.

    names: sections or keys of sections, such as ("random_seed", "evolve", "models.evolver");
    None means all. Anything else is absent from the result: reading it is an AttributeError.

    Raises BadParams naming the first wrong keys, their values and what was wanted.
    """
    try:
        params = Params.model_validate(read(path))
    except ValidationError as error:
        raise BadParams(explained(path, error, Params)) from error
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
