"""The simulated tagger: tags that follow the words of an instruction, more of them the more it demands.

Both models tag alike, and fail alike. Its rates and its words are assumptions.
"""

from __future__ import annotations

import json
from itertools import accumulate

from evobuild.core.chat import Finish
from evobuild.simulation.dice import Dice
from evobuild.simulation.evolver import split_prompt
from evobuild.simulation.subject import subject_of, words_of

FAILURES = {"empty": 0.005, "chatter": 0.01, "broken": 0.01}
"""Share of replies: nothing at all; talk without a list; a list that is never closed."""
STYLES = {"fenced": 0.25, "strings": 0.1, "introduced": 0.1}
"""Share of replies: in a fence; tags without explanations; after a line of talk. Else bare."""

_FAILURES, _STYLES = (tuple(accumulate(rates.values())) for rates in (FAILURES, STYLES))
_CHATTER = "This instruction has several intentions, which I would rather discuss one by one."
_DOMAINS = {"code": "programming", "math": "mathematics", "chat": "general knowledge"}
_DEMANDS = {
    "explanation": "explain why how reason reasons describe",
    "comparison": "compare contrast versus rather differ",
    "step by step reasoning": "step steps first then infer deduce conclude",
    "length limit": "words sentences most exactly least short brief",
    "output format": "list table format json bullet numbered lines",
    "justification": "justify because prove evidence support argue",
    "hypothetical scenario": "suppose assume imagine scenario if",
    "restriction": "must only without avoid not never",
    "example giving": "example examples instance illustrate",
    "audience adaptation": "child beginner expert reader audience someone",
    "error handling": "error errors invalid exception edge",
    "efficiency": "complexity efficient fast memory time",
    "calculation": "calculate compute total sum average percent",
    "creative writing": "story poem write compose invent dialogue",
    "verification": "check verify ensure test confirm",
    "trade off analysis": "trade-off advantages disadvantages pros cons consider",
    "translation": "translate language french german spanish",
    "summarisation": "summarise summarize summary outline shorten",
}
_TAGS = {word: tag for tag, words in _DEMANDS.items() for word in words.split()}


def tag(prompt: str, dice: Dice) -> tuple[str, Finish]:
    """Tag the instruction of a prompt: text and finish reason."""
    _, instruction, context = split_prompt(prompt)
    tags = tags_of(instruction, context)
    failure = dice.place(_FAILURES)
    if failure < 2:
        return ("", _CHATTER)[failure], "stop"
    style = dice.place(_STYLES)
    reply = json.dumps(
        tags if style == 1 else [{"tag": each, "explanation": f"It asks for {each}."} for each in tags],
        ensure_ascii=False,
    )
    if failure == 2:
        return reply[:-1], "stop"
    return (f"```json\n{reply}\n```", reply, f"The tags are:\n{reply}", reply)[style], "stop"


def tags_of(instruction: str, context: str) -> list[str]:
    """Name domain, subject and each kind of demand, in the order in which they come."""
    subject = subject_of(instruction)
    demands = [_TAGS[word] for word in words_of(instruction.lower()) if word in _TAGS]
    given = ["text analysis"] if context else []
    return list(dict.fromkeys([_DOMAINS[subject.domain], subject.words[0].lower(), *given, *demands]))
