"""Define the section `respond` of params.yaml."""

from __future__ import annotations

from typing import Literal

from evobuild.core.params import Decoding, Section, Tokens, default

Rules = list[Literal["auto_evol", "wizardlm"]]
"""Rule sets whose failures reject an answer."""
SeedAnswers = Literal["keep", "replace"]
"""What to do with the answers of seed rows."""


class Respond(Decoding):
    prompt: str = "plain"
    seed_answers: SeedAnswers = "keep"
    rules: Rules = default(["auto_evol", "wizardlm"])
    max_tokens: Tokens = 2048


class Sections(Section):
    respond: Respond
