"""The section `autoif` of params.yaml: a section of its own for each stage of the branch."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator

from evobuild.core.params import (
    Between,
    Bound,
    Count,
    Decoding,
    Few,
    FewOrNone,
    Section,
    Share,
    StageParams,
    Temperature,
    Tokens,
    default,
)
from evobuild.models.params import ChatRole

Characters = Annotated[int, Between(1, 10**6)]


def _examples(value: object) -> object:
    if value != "seeds" and not (type(value) is int and 1 <= value <= 1000):
        raise ValueError("expected a number, or seeds for all that are given, in each prompt; at most 1,000")
    return value


def _queries(value: object) -> object:
    if value not in ("seed", "file"):
        raise ValueError("expected seed or file; how many a constraint gets is autoif.compose.count")
    return value


class Augment(Decoding):
    rounds: FewOrNone = 2
    count: Few = 10
    examples: Annotated[Few | Literal["seeds"], BeforeValidator(_examples)] = 12
    near_duplicate: Share | None = 0.7
    temperature: Temperature = 0.8
    top_p: Share = 0.95
    max_tokens: Tokens = 2048


class Verifiers(Decoding):
    count: Annotated[int, Between(1, 100)] = 4
    temperature: Temperature = 0.8
    top_p: Share = 0.95
    max_tokens: Tokens = 2048


class Crosscheck(Section):
    case: Bound = "above:0.5"
    function: Bound = "above:0.5"
    min_functions: Few = 1
    min_cases: Few = 1
    contradicted: Literal["drop", "keep"] = "drop"
    constraints: Count | None = 12


class Backtranslate(Decoding):
    functions: FewOrNone = 2


class Compose(Section):
    queries: Annotated[Literal["seed", "file"], BeforeValidator(_queries)] = "seed"
    file: str = "data/raw/sample.jsonl"
    count: Few = 4
    rows: Count | None = None
    min_characters: Characters = 20
    max_characters: Characters = 300
    domains: list[str] = default([])


class Sample(Decoding):
    count: FewOrNone = 4
    temperature: Temperature = 0.7
    top_p: Share = 0.95
    max_tokens: Tokens = 2048


class Verify(Section):
    accuracy: Bound = "above:0.5"


class Quality(Decoding):
    score: Bound | None = "from:8"


class AutoIF(Section):
    renamed: ClassVar[dict[str, str]] = {
        "answers": "autoif.sample, and autoif.verify for its accuracy",
        "on": "gone: remove it; the branch is on if branches and pools have autoif: {}, off if neither has",
    }

    seeds: str = "data/raw/constraints.txt"
    augment: Augment = Augment()
    verifiers: Verifiers = Verifiers()
    crosscheck: Crosscheck = Crosscheck()
    backtranslate: Backtranslate = Backtranslate()
    compose: Compose = Compose()
    sample: Sample = Sample()
    verify: Verify = Verify()
    quality: Quality = Quality()


class Sections(Section):
    autoif: AutoIF


class BranchModels(StageParams):
    """The roles that the rows of a branch come from."""

    evolver: ChatRole
    responder: ChatRole
    judge: ChatRole
