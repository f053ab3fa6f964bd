"""The simulated model as an engine of the chat client: answers at once, in the order asked."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evobuild import simulation
from evobuild.core.chat import Reply, Request
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

    def __init__(self, model: ChatModel) -> None:
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
        return [simulation.answer(self._name, request) for request in requests]

    def close(self) -> None:
        """Nothing to let go."""
