"""The section `evaluate` of params.yaml."""

from __future__ import annotations

from evobuild.core.params import BatchTokens, Length, Section


class Evaluate(Section):
    """batch_tokens: of no effect; passes have one size."""

    max_length: Length
    batch_tokens: BatchTokens


class Sections(Section):
    evaluate: Evaluate
