"""What every engine offers the door: a place for requests in flight, and the replies as they finish."""

from __future__ import annotations

from typing import Protocol

from evobuild.core.chat import Reply, Request
from evobuild.core.uri import ChatModel


class Engine(Protocol):
    """A loaded model or a connection to one."""

    capacity: int
    """Requests that may be in flight at once."""

    def submit(self, request: Request) -> None:
        """Take one request; called only while fewer than `capacity` are in flight.

        A request that the model cannot take is a reply with an error, never an exception.
        """

    def collect(self) -> list[Reply]:
        """Wait until at least one request in flight has finished, and return what has, in any order.

        Raises UserError if nothing more can come, after the replies that did.
        """

    def close(self) -> None:
        """Let the model go; requests may still be in flight."""


class Room(Protocol):
    """An engine's module."""

    def identity(self, model: ChatModel) -> str:
        """Name all that decides the model's replies besides the request."""

    def start(self, model: ChatModel) -> Engine:
        """Load the model or reach its server."""


def identity(model: ChatModel) -> str:
    """Name all that decides a model's replies besides the request: engine, weights, options.

    Raises UserError if the model cannot be found.
    """
    return _room(model).identity(model)


def start(model: ChatModel) -> Engine:
    """Load a model or reach its server; what takes time happens here and not before.

    Raises UserError if it cannot be used, MissingExtra if its package is not installed.
    """
    return _room(model).start(model)


def _room(model: ChatModel) -> Room:
    if model.engine == "simulated":
        from evobuild.models import simulated_engine

        return simulated_engine
    if model.engine == "vllm":
        from evobuild.models import vllm_engine

        return vllm_engine
    if model.engine == "openai":
        from evobuild.models import openai_engine

        return openai_engine
    from evobuild.models import transformers_engine

    return transformers_engine
