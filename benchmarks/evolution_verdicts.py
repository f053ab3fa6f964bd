"""Whether the verdicts on replies and responses are right, and how many a core gives in a second.

    python benchmarks/evolution_verdicts.py

The verdicts are compared with the tables written by hand in tests/support/verdicts. The speed is that of one
process on replies of the simulated evolver to e0, some 800 characters long and one in four not in
English, and on responses to what it evolved, some 600 characters long: first the parser and F(r) by
themselves, then both on one reply each, which counts as two.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from figures import Figures

from evobuild import simulation
from evobuild.answering import failures
from evobuild.core.chat import Message, Purpose, Request, Sampling
from evobuild.core.instructions import Instruction
from evobuild.evolution import methods
from evobuild.seeds import formats

ROOT = Path(__file__).parent.parent
SEEDS = ROOT / "data/raw/sample.jsonl"
COPIES = 20
"""Replies to each seed, each another."""


def run(figures: Figures) -> None:
    """Take the figures of the verdicts."""
    sys.path.insert(0, str(ROOT / "tests/support"))
    from verdicts.replies import REPLIES, holds
    from verdicts.responses import RESPONSES

    both = ("auto_evol", "wizardlm")
    right = sum(
        tuple(failures.find_response_failure(response.text, (rules,)) for rules in both) == response[1:]
        for response in RESPONSES
    )
    figures.at_least("verdicts: responses judged as by hand", right, len(RESPONSES), "responses")
    figures.at_least("verdicts: replies read as by hand", sum(map(holds, REPLIES)), len(REPLIES), "replies")
    replies = list(_answers("small", "evolve", _prompts()))
    responses = list(_answers("large", "respond", filter(None, map(_read, replies))))
    parsing, judging = _rate(_read, replies), _rate(failures.find_response_failure, responses)
    print(f"parser: {parsing:,.0f} replies/s; F(r): {judging:,.0f} responses/s")
    figures.at_least("verdicts: parser and F(r)", 2 / (1 / parsing + 1 / judging), 200_000, "/s")


def _prompts() -> Iterable[str]:
    method = methods.render_initial_method("e0")
    for seed in formats.read_seed_rows(SEEDS):
        row = Instruction("", "", "", "", "r0", "", seed.history, seed.instruction, seed.input, seed.output)
        yield from [methods.fill_method(method, row)] * COPIES


def _answers(model: str, purpose: Purpose, prompts: Iterable[str]) -> Iterable[str]:
    for number, prompt in enumerate(prompts):
        request = Request("", purpose, (Message("user", prompt),), Sampling(temperature=0.7, seed=number))
        yield simulation.answer(model, request).text


def _read(reply: str) -> str | None:
    try:
        return methods.read_evolved_instruction(reply)
    except methods.Unparsable:
        return None


def _rate(function: Callable[[str], object], texts: list[str]) -> float:
    """Texts a second, in the best of five passes: what else the machine does only adds."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        for text in texts:
            function(text)
        seconds.append(time.perf_counter() - began)
    return len(texts) / min(seconds)


if __name__ == "__main__":
    taken = Figures()
    run(taken)
    taken.print()
