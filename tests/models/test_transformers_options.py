"""Options of a transformers role: each changes the model's name, and what it says it changes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.core.uri import ChatModel, Weights
from evobuild.models.transformers_engine import TransformersEngine
from evobuild.weights import checkpoints

PLAIN = ChatModel("transformers", str(tiny.folder()))


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA folder of random weights for the tiny model."""
    import peft

    torch.manual_seed(3)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapter")
    peft.get_peft_model(checkpoints.load_causal_lm(Weights(str(tiny.folder()))), config).save_pretrained(
        folder
    )
    return folder


def reply(model: ChatModel) -> str:
    engine = TransformersEngine(model)
    sampling = Sampling(max_tokens=12)
    engine.submit(Request("key", "respond", (Message("user", "Name three colours."),), sampling))
    (found,) = engine.collect()
    return found.text


def test_an_adapter_changes_the_identity_and_the_reply(adapter: Path) -> None:
    adapted = replace(PLAIN, adapter=str(adapter))
    assert TransformersEngine.identity(adapted) != TransformersEngine.identity(PLAIN)
    assert reply(adapted) != reply(PLAIN)


def test_an_adapter_counts_by_content(adapter: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    before = TransformersEngine.identity(replace(PLAIN, adapter=str(folder)))
    (folder / "adapter_config.json").write_text((folder / "adapter_config.json").read_text() + " ")
    assert TransformersEngine.identity(replace(PLAIN, adapter=str(folder))) != before


@pytest.mark.parametrize("use", [TransformersEngine.identity, TransformersEngine])
def test_a_folder_without_an_adapter_is_refused(use: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no adapter_config\.json; give a LoRA folder"):
        use(replace(PLAIN, adapter=str(tmp_path)))


def test_the_dtype_is_in_the_identity_and_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    half = replace(PLAIN, dtype="bfloat16")
    assert TransformersEngine.identity(half) != TransformersEngine.identity(PLAIN)
    loaded: list[Any] = []
    load = checkpoints.load_causal_lm
    monkeypatch.setattr(
        checkpoints, "load_causal_lm", lambda *given: loaded.append(load(*given)) or loaded[-1]
    )
    assert reply(half)
    assert [model.dtype for model in loaded] == [torch.bfloat16]


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(UserError, match="is 'int4'; expected float32, bfloat16, float16"):
        TransformersEngine(replace(PLAIN, dtype="int4"))


def test_max_length_is_the_context() -> None:
    short = replace(PLAIN, max_length=40)
    assert TransformersEngine.identity(short) != TransformersEngine.identity(PLAIN)
    engine = TransformersEngine(short)
    for text in ("Name a fish.", "%" * 50):
        engine.submit(Request(text, "respond", (Message("user", text),), Sampling(1.0, seed=3)))
    replies = {}
    while len(replies) < 2:
        replies |= {each.key: each for each in engine.collect()}
    assert "of a context of 40" in str(replies["%" * 50].error)
    fish = replies["Name a fish."]
    assert fish.prompt_tokens + fish.choices[0].tokens <= 40


def test_more_than_the_model_takes_is_refused() -> None:
    with pytest.raises(UserError, match="takes 2048 tokens; lower its max_length"):
        TransformersEngine(replace(PLAIN, max_length=2049))


@pytest.mark.parametrize("use", [TransformersEngine.identity, TransformersEngine])
def test_quantization_is_refused(use: Any) -> None:
    with pytest.raises(UserError, match="asks for a quantization, which the transformers engine has not"):
        use(replace(PLAIN, quantization="gptq"))
