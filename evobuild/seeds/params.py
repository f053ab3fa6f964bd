"""The sections of params.yaml on seed data."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from evobuild.core.escaping import LONGEST, safe_name
from evobuild.core.params import Between, Count, Name, Section, Share, default
from evobuild.core.suggestions import unknown_name
from evobuild.seeds.columns import ColumnRole
from evobuild.text.language import NAMES


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


def _columns(value: dict[ColumnRole, str] | None) -> dict[ColumnRole, str] | None:
    if twice := [name for name, count in Counter((value or {}).values()).items() if count > 1]:
        raise ValueError(f"expected a column for each, and {twice[0]!r} is there twice")
    if value and "instruction" in value and "conversations" in value:
        raise ValueError("expected an instruction or conversations, not both")
    return value


def _language(value: str) -> str:
    if value not in NAMES:
        raise ValueError(unknown_name("language code", value, NAMES))
    return value


def _validate_names(value: object) -> object:
    if value != "all" and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise ValueError("expected 'all' or a list of columns")
    return value


class Seed(Section):
    """columns: by what they hold, the names that the source has for them. extra: others that travel along.

    gold: those of them that answer the row's own instruction, and no other that is evolved from it. turns: of
    a conversation, those that become rows. min_words: of an instruction with its input. languages:
    of the rows; []: any.
    """

    source: str = "data/raw/sample.jsonl"
    format: Literal["auto", "alpaca", "gsm8k", "sharegpt", "messages"] = "auto"
    columns: Annotated[dict[ColumnRole, str] | None, AfterValidator(_columns)] = default({})
    domain: Annotated[str, AfterValidator(_domain)] | None = None
    extra: Annotated[Literal["all"] | list[str], BeforeValidator(_validate_names)] = "all"
    gold: list[str] = default([])
    turns: Literal["all", "first", "last"] = "all"
    min_words: Count = 1
    languages: list[Annotated[str, AfterValidator(_language)]] = default([])
    rows: Count | None = None
    deduplicate: bool = True
    held_out: Annotated[float, Between(0, 0.99)] = 0.1
    near_duplicate: Share = 0.7


class Sections(Section):
    fetch: dict[Name, Fetch] = default({})
    seed: Seed
