"""What a judge is asked about the difficulty of a row: for its level, and for a score from 0 to 100."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from evobuild.core.prompts import render
from evobuild.core.tables import Instruction
from evobuild.scoring.params import Measure

Kind = Literal["rate_level", "rate_score"]
RATING_PROMPTS: dict[Measure, tuple[Kind, str]] = {
    "level": ("rate_level", "judge/difficulty_level.jinja"),
    "score": ("rate_score", "judge/difficulty_score.jinja"),
}


def prompts_of(measures: Iterable[Measure]) -> tuple[str, ...]:
    """The prompts that some measures are asked by."""
    return tuple(RATING_PROMPTS[measure][1] for measure in measures)


def prompts_sent(row: Instruction, measures: Collection[Measure]) -> Iterator[tuple[Kind, str, str]]:
    """What a judge is asked of a row: of each measure its kind of call, its template and the prompt."""
    turns = [{"role": role, "content": content} for role, content in row.history]
    for measure, (kind, template) in RATING_PROMPTS.items():
        if measure in measures:
            prompt = render(template, history=turns, instruction=row.instruction, input=row.input)
            yield kind, template, prompt
