"""The section `decontaminate` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evobuild.core.params import Few, Name, Section, Share

Sets = dict[Name, str]
"""Files of evaluation sets, by name."""
SetColumns = dict[Name, Annotated[list[str], Field(min_length=1)]]
Ngrams = Annotated[list[Few], Field(max_length=20)]


class Decontaminate(Section):
    ngrams: Ngrams
    embedding: Share | None
    sets: Sets
    columns: SetColumns


class Sections(Section):
    decontaminate: Decontaminate
