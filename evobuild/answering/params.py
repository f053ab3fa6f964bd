"""The section `respond` of params.yaml."""

from __future__ import annotations

from typing import Literal

from evobuild.core.params import Decoding, Section

Rules = list[Literal["auto_evol", "wizardlm"]]
"""Whose failures of a response lose the row."""


class Respond(Decoding):
    prompt: str
    seed_answers: Literal["keep", "replace"]
    rules: Rules


class Sections(Section):
    respond: Respond
