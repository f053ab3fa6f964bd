"""The sections of params.yaml on seed data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from evobuild.core.names import LONGEST, safe_name
from evobuild.core.params import Between, Count, Name, Section, Share


def _domain(value: str) -> str:
    if safe_name(value) != value or not value:
        raise ValueError(
            f"expected a name of letters, digits and blanks, of {LONGEST} characters at most, "
            f"such as '{safe_name(value) or 'chat'}'"
        )
    return value


Several = Annotated[list[str], Field(min_length=1, max_length=1000)]


class Fetch(Section):
    """A data set of the hub, pinned. config, split: one, or a list, which gives a column of that name."""

    hub: str
    config: str | Several | None
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    split: str | Several


class Seed(Section):
    source: str
    format: Literal["auto", "alpaca", "gsm8k", "sharegpt", "messages"]
    domain: Annotated[str, AfterValidator(_domain)] | None
    rows: Count | None
    deduplicate: bool
    held_out: Annotated[float, Between(0, 0.99)]
    near_duplicate: Share


class Sections(Section):
    fetch: dict[Name, Fetch]
    seed: Seed
