"""The registry of engines: every name that params may hold has its class, and no other does."""

from __future__ import annotations

import pytest
import torch

from evobuild.core import uri
from evobuild.core.machine import VllmOptions
from evobuild.core.uri import ChatModel
from evobuild.models import registry, vllm_options


def test_the_engines_are_those_that_params_may_name() -> None:
    assert tuple(registry.ENGINES) == uri.ENGINES


@pytest.mark.parametrize("name", registry.ENGINES)
def test_each_engine_names_its_models_by_itself(name: str) -> None:
    chosen = registry.ENGINES[name]()
    assert chosen.__module__ == f"evobuild.models.{name}_engine"
    assert registry.engine_identity(ChatModel(name, "someone/model", "12fd25f")).startswith(f"{name}:")


@pytest.mark.parametrize(("tensors", "said"), [(1, "ray: {replicas: 8}"), (2, "ray: {replicas: 4}"), (8, "")])
def test_a_model_that_leaves_gpus_idle_says_what_to_set(monkeypatch, capsys, tensors: int, said: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    model = ChatModel("vllm", "organization/model")
    vllm_options.log_idle_gpus(model, VllmOptions(tensor_parallel_size=tensors))
    found = capsys.readouterr().err
    assert (f"runs on {tensors} of 8 GPUs" in found and said in found) if said else not found
