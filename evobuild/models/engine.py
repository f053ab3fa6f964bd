"""The engines behind the chat client: what each offers, and which one runs a model.

A new engine is its module, an entry of ENGINES here, and its name in `evobuild.core.uri.ENGINES`, which
params are read with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from evobuild.core import machine
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


def _simulated() -> EngineClass:
    from evobuild.models.simulated_engine import SimulatedEngine

    return SimulatedEngine


def _vllm() -> EngineClass:
    from evobuild.models.vllm_engine import VllmEngine

    return VllmEngine


def _openai() -> EngineClass:
    from evobuild.models.openai_engine import OpenAIEngine

    return OpenAIEngine


def _transformers() -> EngineClass:
    from evobuild.models.transformers_engine import TransformersEngine

    return TransformersEngine


ENGINES: dict[str, Callable[[], EngineClass]] = {
    "simulated": _simulated,
    "vllm": _vllm,
    "openai": _openai,
    "transformers": _transformers,
}
"""The class of each engine by its name, imported only where it is needed: most are large."""


def engine_identity(model: ChatModel) -> str:
    """Name all that decides a model's replies besides the request: engine, weights, options.

    Raises UserError if the model cannot be found.
    """
    return ENGINES[model.engine]().identity(model)


def start_engine(model: ChatModel) -> Engine:
    """Load a model or reach its server, here or where machine.yaml says; what takes time happens now.

    Raises UserError if it cannot be used, MissingExtra if its package is not installed.
    """
    settings = machine.load_machine()
    if settings.ray is None or model.engine not in settings.ray.engines:
        return start_here(model, settings)
    from evobuild.models.ray_engine import RayEngine

    return RayEngine(model, settings)


def start_here(model: ChatModel, settings: Machine) -> Engine:
    """Load a model into this process, or reach its server. Raises as `start_engine`."""
    return ENGINES[model.engine]()(model, settings)


def device_share(model: ChatModel) -> float:
    """The share of its devices that a model's engine takes while it runs; 0: no more than it needs.

    Engines whose shares are above 1 together take turns: `evobuild.models.sharing`. Raises UserError if Ray,
    which knows its devices, cannot be reached.
    """
    settings = machine.load_machine()
    if settings.ray is not None and model.engine in settings.ray.engines:
        from evobuild.models import ray_engine

        return ray_engine.cluster_share(model, settings)
    return settings.vllm.of(str(model)).gpu_memory_utilization if model.engine == "vllm" else 0.0
