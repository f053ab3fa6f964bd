"""What every engine offers the door: a place for requests in flight, and the replies as they finish."""

from __future__ import annotations

from typing import Protocol

from evobuild.models.request import Reply, Request
from evobuild.uri import ChatModel


class Engine(Protocol):
    """A loaded model or a connection to one."""

    capacity: int
    """Requests that may be in flight at once."""

    def submit(self, request: Request) -> None:
        """Take one request; called only while fewer than `capacity` are in flight."""

    def collect(self) -> list[Reply]:
        """Wait until at least one request in flight has finished, and return what has, in any order."""

    def close(self) -> None:
        """Let the model go."""


def identity(model: ChatModel) -> str:
    """Name all that decides a model's replies besides the request: engine, name, resolved revision."""
    if model.engine == "simulated":
        from evobuild.models import simulated_engine

        return simulated_engine.identity(model)
    from evobuild.models import transformers_engine

    return transformers_engine.identity(model)


def start(model: ChatModel) -> Engine:
    """Load a model; what takes time happens here and not before."""
    if model.engine == "simulated":
        from evobuild.models.simulated_engine import SimulatedEngine

        return SimulatedEngine(model.name)
    from evobuild.models.transformers_engine import TransformersEngine

    return TransformersEngine(model)
