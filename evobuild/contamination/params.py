"""The section `decontaminate` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evobuild.core.params import Few, Name, Section, Share, default

Sets = dict[Name, str]
"""Files of evaluation sets, by name."""
SetColumns = dict[Name, Annotated[list[str], Field(min_length=1)]]
Ngrams = Annotated[list[Few], Field(max_length=20)]


class Decontaminate(Section):
    ngrams: Ngrams = default([13, 8])
    embedding: Share | None = None
    sets: Sets = default({"held_out": "data/held_out.parquet"})
    columns: SetColumns = default({})


class Sections(Section):
    decontaminate: Decontaminate
