"""An adapter alone, named as a model, is its base with the adapter; one that lacks its base is refused."""

from __future__ import annotations

import json

import pytest

from evobuild.core.errors import UserError
from evobuild.core.uri import ChatModel
from evobuild.models.adapted import with_base


@pytest.fixture
def folder(tmp_path):
    def make(config, *files):
        own = tmp_path / "tuned"
        own.mkdir(exist_ok=True)
        (own / "adapter_config.json").write_text(json.dumps(config))
        for name in files:
            (own / name).write_text("{}")
        return own

    return make


@pytest.mark.parametrize("engine", ["transformers", "vllm"])
def test_an_adapter_alone_is_loaded_over_its_base(folder, engine):
    own = folder({"base_model_name_or_path": "Qwen/Qwen2.5-0.5B", "revision": "060db64"})
    found = with_base(ChatModel(engine, str(own)))
    assert found == ChatModel(engine, "Qwen/Qwen2.5-0.5B", "060db64", adapter=str(own))


def test_a_merged_model_a_server_and_a_given_adapter_stay(folder):
    own = folder({"base_model_name_or_path": "Qwen/Qwen2.5-0.5B"}, "config.json")
    for model in (
        ChatModel("transformers", str(own)),
        ChatModel("openai", str(own)),
        ChatModel("vllm", "a/b", adapter=str(own)),
    ):
        assert with_base(model) == model


@pytest.mark.parametrize("base", ["models/gone", "/models/gone", "./gone", "a/b/c"])
def test_an_adapter_whose_base_is_gone_is_refused(folder, base):
    own = folder({"base_model_name_or_path": base})
    with pytest.raises(UserError, match=r"is an adapter of the base '.*', which is not there"):
        with_base(ChatModel("transformers", str(own)))


@pytest.mark.parametrize("config", [{}, {"base_model_name_or_path": None}, [], "text"])
def test_an_adapter_that_names_no_base_is_refused(folder, config):
    with pytest.raises(UserError, match=r"names no base"):
        with_base(ChatModel("vllm", str(folder(config))))
