"""The section `contracts` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from evobuild.core.params import Between, CountOrNone, Name, Section, default
from evobuild.text.language import NAMES

Threshold = Annotated[float, Between(-1e12, 1e12)]
Thresholds = Annotated[dict[Name, Threshold], Field(max_length=200)]
"""Numbers that expectations read, by the name that they call them by."""


def _language(value: str) -> str:
    if value not in NAMES:
        raise ValueError(f"expected codes of languages that can be told: {', '.join(sorted(NAMES))}")
    return value


def _version(value: str) -> str:
    if value.startswith("-") or not value.strip():
        raise ValueError("expected a .parquet file, or a git revision such as v1.0.0")
    return value


class Contracts(Section):
    """against: an earlier version of the data set, a file or a git revision.

    languages: that instructions may be in; []: those of r0. language_rows: drawn of a pool to tell them.
    """

    against: Annotated[str, AfterValidator(_version)] | None = None
    languages: list[Annotated[str, AfterValidator(_language)]] = default([])
    language_rows: CountOrNone = 200
    thresholds: Thresholds = default(
        {
            "longest_instruction": 50000,
            "longest_answer": 100000,
            "share_in_languages": 0.9,
            "share_without_repeats": 1.0,
            "share_scored_whole": 0.9,
            "largest_loss": 100.0,
            "largest_ifd": 1000.0,
            "most_tags": 100,
            "least_rows": 1,
            "largest_pool": 1.0,
            "least_answered": 0.4,
            "largest_loss_by_reason": 0.5,
            "share_with_verdict": 0.8,
            "largest_drift": 0.25,
        }
    )


class Sections(Section):
    contracts: Contracts
