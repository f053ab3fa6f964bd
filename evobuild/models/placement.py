"""Where a model runs: in this process, or in Ray's workers where machine.yaml says so."""

from __future__ import annotations

from evobuild.core import machine
from evobuild.core.uri import ChatModel
from evobuild.models import ray_engine, registry
from evobuild.models.engine import Engine


def start_engine(model: ChatModel) -> Engine:
    """Load a model or reach its server, here or where machine.yaml says; what takes time happens now.

    Raises UserError if it cannot be used, MissingExtra if its package is not installed.
    """
    settings = machine.load_machine()
    if settings.ray is None or model.engine not in settings.ray.engines:
        return registry.start_here(model, settings)
    return ray_engine.RayEngine(model, settings)


def device_share(model: ChatModel) -> float:
    """Get the share of its devices that a model's engine takes while it runs; 0: no more than it needs.

    Engines whose shares are above 1 together take turns: `evobuild.models.sharing`. Raises UserError if Ray,
    which knows its devices, cannot be reached.
    """
    settings = machine.load_machine()
    if settings.ray is not None and model.engine in settings.ray.engines:
        return ray_engine.cluster_share(model, settings)
    return settings.vllm.of(str(model)).gpu_memory_utilization if model.engine == "vllm" else 0.0
