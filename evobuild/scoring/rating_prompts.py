"""What a judge is asked about the difficulty of a row: for its level, and for a score from 0 to 100."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Literal

from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.scoring.params import Measure, ScorePrompt

Kind = Literal["rate_level", "rate_score"]
KINDS: dict[Measure, Kind] = {"level": "rate_level", "score": "rate_score"}
"""The kind of call by which each measure is asked for."""
LEVEL_PROMPT = "judge/difficulty_level.jinja"
SCORE_PROMPTS: dict[ScorePrompt, str] = {
    "reasoned": "judge/difficulty_score.jinja",
    "alone": "judge/difficulty_score_alone.jinja",
}


def prompts_of(measures: Collection[Measure], score_prompt: ScorePrompt) -> dict[Measure, str]:
    """The template by which each of some measures is asked for."""
    templates: dict[Measure, str] = {"level": LEVEL_PROMPT, "score": SCORE_PROMPTS[score_prompt]}
    return {measure: template for measure, template in templates.items() if measure in measures}


def prompts_sent(
    row: Instruction, measures: Collection[Measure], score_prompt: ScorePrompt
) -> Iterator[tuple[Kind, str, str]]:
    """What a judge is asked of a row: of each measure its kind of call, its template and the prompt."""
    turns = [{"role": role, "content": content} for role, content in row.history]
    for measure, template in prompts_of(measures, score_prompt).items():
        prompt = render_prompt(template, history=turns, instruction=row.instruction, input=row.input)
        yield KINDS[measure], template, prompt
