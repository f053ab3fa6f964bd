"""The section `autoif` of params.yaml: a section of its own for each stage of the branch."""

from __future__ import annotations

from typing import ClassVar

from evobuild.core.params import Bound, Count, CountOrNone, Decoding, Part, Section, Share
from evobuild.models.params import ChatRole


class Augment(Decoding):
    rounds: CountOrNone
    count: Count
    examples: Count
    near_duplicate: Share


class Verifiers(Decoding):
    count: Count


class Crosscheck(Section):
    case: Bound
    function: Bound
    min_functions: Count
    min_cases: Count
    constraints: Count | None


class Backtranslate(Decoding):
    functions: CountOrNone


class Compose(Section):
    queries: Count
    min_characters: Count
    max_characters: Count
    domains: list[str]


class Sample(Decoding):
    count: CountOrNone


class Verify(Section):
    accuracy: Bound


class Quality(Decoding):
    score: Bound | None


class AutoIF(Section):
    renamed: ClassVar[dict[str, str]] = {"answers": "autoif.sample, and autoif.verify for its accuracy"}

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


class BranchModels(Part):
    """The roles that the rows of a branch come from."""

    evolver: ChatRole
    responder: ChatRole
    judge: ChatRole
