"""The simulated model: a deterministic stand-in for a chat model, for dry runs, tests and CI.

It answers every prompt of this project, fails at known rates, and reacts to the method it is given. What it
says is no result: its rates are assumptions, never evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from evobuild.core.chat import Choice, Finish, Purpose, Reply, Request
from evobuild.core.errors import UserError
from evobuild.core.suggestions import unknown_name
from evobuild.simulation import autoif, evolve, judge, optimize, respond
from evobuild.simulation.rates import TRAITS, Traits
from evobuild.simulation.rng import Rng, rngs_of_request

BYTES_PER_TOKEN = 4
PARTS: dict[Purpose, Callable[[Traits, str, Rng], tuple[str, Finish]]] = {
    "evolve": evolve.evolve_instruction,
    "respond": respond.write_answer,
    "rate_level": judge.rate_level,
    "rate_score": judge.rate_score,
    "equal": judge.judge_equality,
    "keywords": judge.name_method,
    "tag": judge.tag_instruction,
    "quality": judge.judge_quality,
    "judge": judge.judge_answers,
    "analyse": optimize.analyse,
    "improve": optimize.improve,
    "augment": autoif.invent_constraints,
    "verifier": autoif.write_verifier,
    "backtranslate": autoif.translate_back,
}
"""What is asked of the model, and who replies to the prompt with a text and a finish reason."""


def answer(model: str, request: Request) -> Reply:
    """Reply to a request, as a pure function of model name and request.

    model: 'small' or 'large'.

    Raises UserError for another name.
    """
    traits = TRAITS.get(model)
    if traits is None:
        raise UserError(unknown_name("simulated model", model, TRAITS))
    asked = respond.unwrapped(request) if request.purpose == "respond" else request
    prompt = next((turn.content for turn in reversed(asked.messages) if turn.role == "user"), "")
    choices = tuple(_choice(traits, prompt, asked, rng) for rng in rngs_of_request(model, asked))
    return Reply(request.key, choices, sum(count_tokens(message.content) for message in request.messages))


def count_tokens(text: str) -> int:
    """Count the simulated tokens of a text, four bytes of UTF-8 each."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def _choice(traits: Traits, prompt: str, request: Request, rng: Rng) -> Choice:
    sampling = request.sampling
    text, finish = PARTS[request.purpose](traits, prompt, rng)
    if ends := [end for stop in sampling.stop if stop and (end := text.find(stop)) >= 0]:
        text, finish = text[: min(ends)], "stop"
    if count_tokens(text) > sampling.max_tokens:
        cut = text.encode("utf-8", "replace")[: sampling.max_tokens * BYTES_PER_TOKEN]
        text, finish = cut.decode("utf-8", "ignore"), "length"
    tokens = count_tokens(text)
    if not sampling.logprobs:
        return Choice(text, finish, tokens)
    logprobs = tuple(_position(traits, sampling.logprobs, rng) for _ in range(tokens))
    texts = tuple(_texts(text[4 * place :][:4], position) for place, position in enumerate(logprobs))
    return Choice(text, finish, tokens, logprobs, token_texts=texts if sampling.token_texts else None)


def _position(traits: Traits, top: int, rng: Rng) -> tuple[float, ...]:
    """Make up natural-log probabilities of one token: the chosen one's, then the top ones, falling."""
    best = traits.certainty ** (4.0 * rng.number() ** 2)
    falling = [best, *(min((1.0 - best) * 0.5**place, best) for place in range(1, top))]
    logs = [math.log(max(each, 1e-12)) for each in falling]
    return (logs[0] if top == 1 or rng.chance(best) else logs[1], *logs)


def _texts(chosen: str, position: tuple[float, ...]) -> tuple[str, ...]:
    """Make up texts of a position's tokens: the chosen one's, then its like in the other case, and others."""
    others = [chosen.swapcase(), *(chosen * (2 + place) for place in range(len(position) - 3))]
    best = [chosen, *others] if position[0] == position[1] else [others[0], chosen, *others[1:]]
    return chosen, *best[: len(position) - 1]
