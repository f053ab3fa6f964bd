"""Define the section `respond` of params.yaml."""

from __future__ import annotations

from typing import Literal

from evobuild.core.params import Bound, Decoding, Few, Section, Tokens, default

Rules = list[Literal["auto_evol", "wizardlm"]]
"""Rule sets whose failures reject an answer."""
SeedAnswers = Literal["keep", "replace"]
"""What to do with the answers of seed rows."""


Extract = Literal["number", "boxed", "choice"]
"""How the final answer of an answer is found."""


class Respond(Decoding):
    """samples: answers of a row, with the seeds s, s + 1, …. choose: which of them the row gets.

    extract: how final answers are found that agreement and gold compare. agreement: share of the samples that
    must give the chosen final answer. gold: the column of `extra` with the right answer.
    """

    prompt: str = "plain"
    seed_answers: SeedAnswers = "keep"
    rules: Rules = default(["auto_evol", "wizardlm"])
    samples: Few = 1
    choose: Literal["first", "agreement", "gold"] = "first"
    extract: Extract = "number"
    agreement: Bound = "above:0.5"
    gold: str = "answer"
    max_tokens: Tokens = 2048


class Sections(Section):
    respond: Respond
