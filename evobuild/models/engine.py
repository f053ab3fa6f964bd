"""What an engine behind the chat client offers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from evobuild.core.chat import Reply, Request
from evobuild.core.errors import UserError
from evobuild.core.machine import Machine
from evobuild.core.uri import ChatModel


class ServerFailed(UserError):
    """A server gives no answers, or none of use: what it gave is no result and is not worth keeping."""


class Engine(Protocol):
    """A loaded model or a connection to one: a place for requests in flight, and replies as they finish."""

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


@runtime_checkable
class Pausing(Protocol):
    """An engine that may leave its device to another, and come back sooner than it was loaded."""

    def pause(self) -> bool:
        """Leave, with nothing in flight; False, and nothing is done, if it has to be closed instead."""

    def resume(self) -> None:
        """Come back. Raises UserError if there is no room."""


class EngineClass(Protocol):
    """The class of an engine's module: made with a model, it loads it or reaches its server."""

    def __call__(self, model: ChatModel, settings: Machine | None = None) -> Engine:
        """Load the model or reach its server. settings: None is what machine.yaml says."""

    def identity(self, model: ChatModel) -> str:
        """Name all that decides the model's replies besides the request."""
