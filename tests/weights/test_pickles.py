"""Weights that are pickles are refused by every loader, and nothing that they hold ever runs."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import tiny
from pydantic import TypeAdapter

from evobuild.autoif import entailment
from evobuild.cli.models import checkpoint_config
from evobuild.core.errors import UserError
from evobuild.core.uri import ChatModel, Weights
from evobuild.models import placement
from evobuild.scoring.embeddings import Embedder
from evobuild.weights import checkpoints, identities, sources
from evobuild.weights.params import WeightsRole


class Bomb:
    """Unpickled, it makes a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.place),)


@pytest.fixture
def canary(tmp_path):
    """Where a pickle that is loaded leaves its mark; nothing may ever lie there."""
    place = tmp_path / "canary"
    yield place
    assert not place.exists()
    pickle.loads(pickle.dumps(Bomb(place)))
    assert place.exists(), "the pickle does no harm, so the test shows nothing"


@pytest.fixture
def model(tmp_path, canary):
    """The tiny model with a pickle in the place of its weights."""
    folder = Path(shutil.copytree(tiny.folder(), tmp_path / "model"))
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(canary), protocol=2))
    return folder


@pytest.fixture
def sharded(model):
    """The same in parts."""
    (model / "pytorch_model.bin").rename(model / "pytorch_model-00001-of-00001.bin")
    index = {"metadata": {}, "weight_map": {"lm_head.weight": "pytorch_model-00001-of-00001.bin"}}
    (model / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return model


@pytest.fixture
def embedder(model):
    """The same for sentence-transformers."""
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (path, kind) in enumerate(kinds.items())
    ]
    (model / "modules.json").write_text(json.dumps(modules))
    (model / "1_Pooling").mkdir()
    size = json.loads((model / "config.json").read_text())["hidden_size"]
    (model / "1_Pooling/config.json").write_text(json.dumps({"word_embedding_dimension": size}))
    return model


@pytest.fixture
def adapter(tmp_path, canary):
    """A LoRA folder with a pickle."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 1, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(canary)))
    return folder


def embed(weights: Weights) -> None:
    with Embedder(weights) as embedder:
        embedder.embed(["a text"])


LOADERS = {
    "causal": checkpoints.load_causal_lm,
    "reward": lambda weights: checkpoints.load_classifier(weights, "float32"),
    "entailment": lambda weights: entailment.label_pairs([("a", "b")], weights),
    "embedder": embed,
}
LOOKS = {
    "tokenizer": checkpoints.load_tokenizer,
    "identity": identities.weights_identity,
    "models": checkpoint_config.read_checkpoint_config,
    "engine": lambda weights: placement.start_engine(ChatModel("transformers", weights.name)),
}


@pytest.mark.parametrize("name", [*LOADERS, *LOOKS])
@pytest.mark.parametrize("kind", ["model", "sharded", "embedder"])
def test_a_folder_with_pickled_weights_is_refused(store, request, kind, name):
    folder = request.getfixturevalue(kind)
    with pytest.raises(UserError, match=r"a pickle, which may run code when it is loaded; expected \*\.saf"):
        (LOADERS | LOOKS)[name](Weights(str(folder)))


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("kind", ["model", "sharded", "embedder"])
def test_pickled_weights_of_the_hub_are_not_loaded(store, monkeypatch, request, kind, name):
    folder = request.getfixturevalue(kind)
    monkeypatch.setattr(sources, "refuse_pickles", lambda folder: None)
    with pytest.raises(UserError, match="cannot be loaded"):
        LOADERS[name](Weights(str(folder)))


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("kind", ["model", "embedder"])
def test_a_role_that_takes_pickles_runs_nothing_of_them(store, request, kind, name):
    folder = request.getfixturevalue(kind)
    with pytest.raises(UserError, match="cannot be loaded"):
        LOADERS[name](Weights(str(folder), pickle=True))


def test_a_role_that_takes_pickles_reads_their_tensors(tmp_path):
    import torch

    own = checkpoints.load_causal_lm(Weights(str(tiny.folder())))
    folder = Path(shutil.copytree(tiny.folder(), tmp_path / "pickled"))
    (folder / "model.safetensors").unlink()
    torch.save(own.state_dict(), folder / "pytorch_model.bin")
    role = TypeAdapter(WeightsRole).validate_python({"uri": str(folder), "pickle": True})
    assert str(role) == f"{folder}[pickle]"
    read = checkpoints.load_causal_lm(role)
    assert all(torch.equal(value, read.state_dict()[key]) for key, value in own.state_dict().items())
    with pytest.raises(UserError, match=r"pickle: true"):
        checkpoints.load_causal_lm(Weights(str(folder)))


def test_weights_deeper_in_a_folder_are_looked_at(store, embedder):
    (embedder / "pytorch_model.bin").unlink()
    shutil.copy(tiny.folder() / "model.safetensors", embedder)
    (embedder / "1_Pooling/pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match=r"1_Pooling/pytorch_model\.bin' are a pickle"):
        embed(Weights(str(embedder)))


def test_an_adapter_with_pickled_weights_is_refused(adapter):
    with pytest.raises(UserError, match="a pickle"):
        checkpoints.load_causal_lm(Weights(str(tiny.folder())), adapter=str(adapter))
    with pytest.raises(UserError, match="a pickle"):
        identities.adapter_identity(str(adapter))
    (adapter / "adapter_model.bin").unlink()
    with pytest.raises(UserError, match=r"holds no adapter_model\.safetensors"):
        identities.adapter_identity(str(adapter))


def test_a_pickle_beside_safetensors_is_no_hindrance_and_is_not_read(model):
    shutil.copy(tiny.folder() / "model.safetensors", model)
    checkpoints.load_causal_lm(Weights(str(model)))


def test_code_of_a_models_own_is_not_run(tmp_path, canary):
    folder = Path(shutil.copytree(tiny.folder(), tmp_path / "own"))
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"import os\nos.mkdir({str(canary)!r})\n")
    with pytest.raises(UserError, match=r"code of its own \(auto_map in its config\), and none is run"):
        checkpoints.load_causal_lm(Weights(str(folder)))
