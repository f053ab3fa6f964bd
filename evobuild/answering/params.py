"""The section `respond` of params.yaml."""

from __future__ import annotations

from typing import Literal

from evobuild.core.params import Decoding, Section

Rules = list[Literal["auto_evol", "wizardlm"]]
"""Whose failures of a response lose the row."""
SeedAnswers = Literal["keep", "replace"]
"""What becomes of the answers that seed rows bring."""


class Respond(Decoding):
    prompt: str
    seed_answers: SeedAnswers
    rules: Rules


class Sections(Section):
    respond: Respond
