"""The engines by name, and a model's engine in this process.

A new engine is its module, an entry of ENGINES here, and its name in `evobuild.core.uri.ENGINES`, which
params are read with.
"""

from __future__ import annotations

from collections.abc import Callable

from evobuild.core.machine import Machine
from evobuild.core.uri import ChatModel
from evobuild.models.engine import Engine, EngineClass


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


def start_here(model: ChatModel, settings: Machine) -> Engine:
    """Load a model into this process, or reach its server.

    Raises UserError if it cannot be used, MissingExtra if its package is not installed.
    """
    return ENGINES[model.engine]()(model, settings)
