"""The section `respond` of params.yaml."""

from __future__ import annotations

from typing import Literal

from evobuild.core.params import Decoding, Section, Tokens, default

Rules = list[Literal["auto_evol", "wizardlm"]]
"""Whose failures of a response lose the row."""
SeedAnswers = Literal["keep", "replace"]
"""What becomes of the answers that seed rows bring."""


class Respond(Decoding):
    prompt: str = "plain"
    seed_answers: SeedAnswers = "keep"
    rules: Rules = default(["auto_evol", "wizardlm"])
    max_tokens: Tokens = 2048


class Sections(Section):
    respond: Respond
