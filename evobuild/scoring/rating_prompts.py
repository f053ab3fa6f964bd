"""Render the judge's prompts about the difficulty of a row: its level, and a score from 0 to 100."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.scoring.params import Measure, ScorePrompt

Kind = Literal["rate_level", "rate_score"]
KINDS: dict[Measure, Kind] = {"level": "rate_level", "score": "rate_score"}
"""Kind of call for each measurement."""
LEVEL_PROMPT = "judge/difficulty_level.jinja"
SCORE_PROMPTS: dict[ScorePrompt, str] = {
    "reasoned": "judge/difficulty_score.jinja",
    "alone": "judge/difficulty_score_alone.jinja",
}


def rating_templates(measures: Collection[Measure], score_prompt: ScorePrompt) -> dict[Measure, str]:
    """Return the template of each measurement."""
    templates: dict[Measure, str] = {"level": LEVEL_PROMPT, "score": SCORE_PROMPTS[score_prompt]}
    return {measure: template for measure, template in templates.items() if measure in measures}


def render_rating_prompts(
    row: Instruction, measures: Collection[Measure], score_prompt: ScorePrompt
) -> Iterator[tuple[Kind, str, str]]:
    """Yield kind of call, template and prompt for each measurement of a row."""
    turns = [{"role": role, "content": content} for role, content in row.history]
    for measure, template in rating_templates(measures, score_prompt).items():
        prompt = render_prompt(template, history=turns, instruction=row.instruction, input=row.input)
        yield KINDS[measure], template, prompt
