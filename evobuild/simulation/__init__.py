"""The simulated engine: a deterministic stand-in for a chat model, for dry runs, tests and CI.

It answers every prompt of this project plausibly, with realistic failures at a known rate, and reacts to the
method it is given. Its constants are assumptions, never evidence.
"""

from __future__ import annotations

import math

from evobuild.core.chat import Choice, Finish, Reply, Request
from evobuild.core.errors import UserError
from evobuild.simulation.augmenter import invent
from evobuild.simulation.backtranslator import translate_back
from evobuild.simulation.constants import TRAITS, Traits
from evobuild.simulation.dice import Dice, dice_of
from evobuild.simulation.equality import compare
from evobuild.simulation.evolver import evolve
from evobuild.simulation.judge import rate_level, rate_score
from evobuild.simulation.keywords import name_methods
from evobuild.simulation.obedience import answer_keeping
from evobuild.simulation.optimizer import analyse, improve
from evobuild.simulation.quality import judge_quality
from evobuild.simulation.tagger import tag
from evobuild.simulation.verifier import write_verifier

BYTES_PER_TOKEN = 4


def answer(model: str, request: Request) -> Reply:
    """Reply to a request, as a pure function of model name and request.

    model: 'small' or 'large'.

    Raises UserError for another name.
    """
    traits = TRAITS.get(model)
    if traits is None:
        raise UserError(f"simulated model '{model}' does not exist; expected {' or '.join(TRAITS)}")
    prompt = next((turn.content for turn in reversed(request.messages) if turn.role == "user"), "")
    choices = tuple(_choice(model, traits, prompt, request, dice) for dice in dice_of(model, request))
    return Reply(request.key, choices, sum(count_tokens(message.content) for message in request.messages))


def count_tokens(text: str) -> int:
    """Count the simulated tokens of a text, four bytes of UTF-8 each."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return -(-size // BYTES_PER_TOKEN)


def _choice(model: str, traits: Traits, prompt: str, request: Request, dice: Dice) -> Choice:
    sampling = request.sampling
    text, finish = _draft(model, traits, prompt, request, dice)
    ends = [end for stop in sampling.stop if stop and (end := text.find(stop)) >= 0]
    if ends:
        text, finish = text[: min(ends)], "stop"
    tokens = count_tokens(text)
    if tokens > sampling.max_tokens:
        text = text.encode("utf-8", "replace")[: sampling.max_tokens * BYTES_PER_TOKEN].decode(
            "utf-8", "ignore"
        )
        tokens, finish = count_tokens(text), "length"
    return Choice(text, finish, tokens, _logprobs(traits, tokens, sampling.logprobs, dice))


def _draft(model: str, traits: Traits, prompt: str, request: Request, dice: Dice) -> tuple[str, Finish]:
    match request.purpose:
        case "evolve":
            return evolve(model, traits, prompt, dice)
        case "respond":
            return answer_keeping(traits, prompt, dice)
        case "rate_level":
            return rate_level(traits, prompt, dice)
        case "rate_score":
            return rate_score(traits, prompt, dice)
        case "equal":
            return compare(traits, prompt, dice)
        case "keywords":
            return name_methods(prompt, dice)
        case "tag":
            return tag(prompt, dice)
        case "analyse":
            return analyse(traits, prompt, dice)
        case "improve":
            return improve(traits, prompt, dice)
        case "augment":
            return invent(prompt, dice)
        case "verifier":
            return write_verifier(traits, prompt, dice)
        case "backtranslate":
            return translate_back(traits, prompt, dice)
        case "quality":
            return judge_quality(traits, prompt, dice)


def _logprobs(traits: Traits, tokens: int, top: int, dice: Dice) -> tuple[tuple[float, ...], ...] | None:
    """Make up natural-log probabilities per token: the chosen one's, then the top ones, falling."""
    if not top:
        return None
    positions = []
    for _ in range(tokens):
        best = traits.certainty ** (4.0 * dice.number() ** 2)
        falling = [math.log(best)]
        rest = 1.0 - best
        for _ in range(top - 1):
            rest *= 0.5
            falling.append(math.log(max(min(rest, best), 1e-12)))
        chosen = falling[0] if top == 1 or dice.chance(best) else falling[1]
        positions.append((chosen, *falling))
    return tuple(positions)
