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
    Part,
    Section,
    Share,
)
from evobuild.core.reads import Reads
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
    rounds: FewOrNone
    count: Few
    examples: Annotated[Few | Literal["seeds"], BeforeValidator(_examples)]
    near_duplicate: Share | None


class Verifiers(Decoding):
    count: Annotated[int, Between(1, 100)]


class Crosscheck(Section):
    case: Bound
    function: Bound
    min_functions: Few
    min_cases: Few
    contradicted: Literal["drop", "keep"]
    constraints: Count | None


class Backtranslate(Decoding):
    functions: FewOrNone


class Compose(Section):
    queries: Annotated[Literal["seed", "file"], BeforeValidator(_queries)]
    file: str
    count: Few
    rows: Count | None
    min_characters: Characters
    max_characters: Characters
    domains: list[str]


class Sample(Decoding):
    count: FewOrNone


class Verify(Section):
    accuracy: Bound


class Quality(Decoding):
    score: Bound | None


class AutoIF(Section):
    renamed: ClassVar[dict[str, str]] = {"answers": "autoif.sample, and autoif.verify for its accuracy"}

    on: bool
    seeds: str
    augment: Augment
    verifiers: Verifiers
    crosscheck: Crosscheck
    backtranslate: Backtranslate
    compose: Compose
    sample: Sample
    verify: Verify
    quality: Quality


class Sections(Section):
    autoif: AutoIF


class Switch(Part):
    """Whether the branch is made at all; without it each of its stages leaves empty tables."""

    on: bool


SWITCH = "autoif.on"
OFF = Reads(only=(SWITCH,))
"""All that a stage of the branch reads where it is off."""


class BranchModels(Part):
    """The roles that the rows of a branch come from."""

    evolver: ChatRole
    responder: ChatRole
    judge: ChatRole
