"""The registry of engines: every name that params may hold has its class, and no other does."""

from __future__ import annotations

import pytest

from evobuild.core import uri
from evobuild.core.uri import ChatModel
from evobuild.models import engine


def test_the_engines_are_those_that_params_may_name() -> None:
    assert tuple(engine.ENGINES) == uri.ENGINES


@pytest.mark.parametrize("name", engine.ENGINES)
def test_each_engine_names_its_models_by_itself(name: str) -> None:
    chosen = engine.ENGINES[name]()
    assert chosen.__module__ == f"evobuild.models.{name}_engine"
    assert engine.engine_identity(ChatModel(name, "someone/model", "12fd25f")).startswith(f"{name}:")
