"""The simulated model as an engine of the chat client: answers at once, in the order asked."""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import replace
from pathlib import Path

from evobuild import simulation
from evobuild.core.chat import Choice, Message, Reply, Request
from evobuild.core.machine import Machine
from evobuild.core.uri import ChatModel
from evobuild.simulation.rates import TRAITS

SIMULATED_MODELS = tuple(TRAITS)
"""The models that are simulated, by name."""


def source_digest(folder: Path) -> str:
    """Name all Python files of a folder and its subfolders by their relative paths and what they hold."""
    total = hashlib.blake2b(digest_size=10)
    for file in sorted(folder.rglob("*.py")):
        for part in (file.relative_to(folder).as_posix().encode(), file.read_bytes()):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


class SimulatedEngine:
    """No model: replies from `simulation.answer`."""

    capacity = 64

    def __init__(self, model: ChatModel, settings: Machine | None = None) -> None:
        self._name = model.name
        self._requests: list[Request] = []

    @staticmethod
    def identity(model: ChatModel) -> str:
        """Name the simulation by its own source: once that changes, stored replies are another model's."""
        return f"{model}#{source_digest(Path(simulation.__file__).parent)}"

    def submit(self, request: Request) -> None:
        """Take one request."""
        self._requests.append(request)

    def collect(self) -> list[Reply]:
        """Answer all that were submitted."""
        requests, self._requests = self._requests, []
        return [self._reply(request) for request in requests]

    def _reply(self, request: Request) -> Reply:
        """Answer; a raw prompt as if a user said it, and what is to be scored with made-up likelihoods.

        What a benchmark asks is answered as any instruction is.
        """
        if request.plausible:
            return self._choose(request)
        if request.purpose == "evaluate":
            request = replace(request, purpose="respond")
        if request.raw is not None:
            request = replace(request, messages=(Message("user", request.raw),))
        if request.continuation is None:
            return simulation.answer(self._name, request)
        read = sum(simulation.count_tokens(message.content) for message in request.messages)
        tokens = max(1, simulation.count_tokens(request.continuation))
        drawn = random.Random(
            repr((self._name, request.messages, request.continuation)).encode("utf-8", "surrogatepass")
        )
        likely = [-4.0 * drawn.random() for _ in range(tokens)]
        logprobs = tuple((logprob, max(logprob, -1.0)) for logprob in likely)
        choice = Choice(request.continuation, "stop", 0, logprobs)
        return Reply(request.key, (choice,), read + tokens)

    def _choose(self, request: Request) -> Reply:
        """Choose one of the replies that could be read, nearer to the middle ones than to the ends."""
        asked = "".join(message.content for message in request.messages)
        drawn = random.Random(
            repr((self._name, asked, request.sampling.seed)).encode("utf-8", "surrogatepass")
        )
        place = int(drawn.triangular(0, len(request.plausible)))
        text = request.plausible[min(place, len(request.plausible) - 1)]
        tokens, told = simulation.count_tokens(text), None
        logprobs = None
        if request.sampling.logprobs:
            others = request.plausible[: request.sampling.logprobs]
            weights = [math.exp(-abs(number - place)) for number in range(len(others))]
            told = ((text, *others),)
            each = [math.log(weight / sum(weights)) for weight in weights]
            logprobs = ((max(each), *each),)
        choice = Choice(text, "stop", tokens, logprobs, "", told)
        return Reply(request.key, (choice,), simulation.count_tokens(asked))

    def close(self) -> None:
        """Nothing to let go."""
