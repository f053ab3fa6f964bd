"""The assumptions of a plan where nothing was measured yet, each with its source.

A stage's last run in this folder, and replies of the same model in the same stage, replace these.
MEASURED names the measurement; other numbers are published, or are marked as assumptions.
"""

from __future__ import annotations

from typing import NamedTuple

MEASURED = "measured with the simulated models on 300 rows of Alpaca and on the sample, two CPU cores"


class Length(NamedTuple):
    """Tokens of a prompt or reply: `fixed`, plus `row` for each token of its row."""

    fixed: float
    row: float = 0.0

    def count_tokens(self, text: float) -> float:
        """Return the tokens for a row of `text` tokens."""
        return self.fixed + self.row * text


class Lengths(NamedTuple):
    """Tokens of a stage's calls. reply: of a language model. simulated: reply of the simulated model."""

    prompt: Length
    reply: Length
    simulated: Length


KEPT = {
    "evolve": 0.88,
    "respond": 0.75,
    "augment": 0.7,
    "verifiers": 0.87,
    "crosscheck": 0.7,
    "verify": 0.75,
    "quality": 0.95,
}
"""Share of its input rows that a stage keeps; MEASURED. Language models differ."""

LENGTHS = {
    "optimize": Lengths(Length(250, 2), Length(430), Length(170)),
    "evolve": Lengths(Length(290, 1), Length(400, 1), Length(140, 1.3)),
    "evolve by operations": Lengths(Length(200, 1), Length(0, 1.5), Length(0, 1.5)),
    "keywords": Lengths(Length(75), Length(10), Length(6)),
    "augment": Lengths(Length(300), Length(300), Length(102)),
    "verifiers": Lengths(Length(209), Length(400), Length(150)),
    "backtranslate": Lengths(Length(95), Length(30), Length(9)),
    "sample": Lengths(Length(20, 1), Length(400), Length(93)),
    "quality": Lengths(Length(250, 1), Length(100), Length(11)),
    "respond": Lengths(Length(0, 1), Length(400), Length(60, 1.2)),
    "rate": Lengths(Length(95, 1), Length(60), Length(28)),
    "tag": Lengths(Length(200, 1), Length(60), Length(60)),
    "measure": Lengths(Length(150, 2), Length(60), Length(5)),
    "judge": Lengths(Length(400), Length(150), Length(30)),
}
"""Tokens of a call. Prompts: MEASURED. Replies of language models: assumptions, as in docs/scale.md."""

GROWTH = 40
"""Tokens that an instruction gains in a round; MEASURED."""
EVALUATED_REPLY = 300
"""Tokens of a reply to a benchmark, unless its max_tokens is lower: an assumption."""
METHODS = 4
"""Methods that a reply to an evolving method lists; MEASURED."""
REPEATED = {"optimize": 0.25, "keywords": 0.23}
"""Share of a stage's requests that are new to the simulated model, which repeats itself; MEASURED. A language
model is taken to say something new each time."""
BETTER_STEPS = 1
"""Steps of `optimize` that find a better method, before `optimize.patience` find none: an assumption."""
