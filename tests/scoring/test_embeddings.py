"""Embeddings: each text once, kept by content, and the same whatever is embedded beside it."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import ClassVar

import foreign
import numpy as np
import pytest
import tiny

from evobuild.core.errors import MissingExtra, UserError
from evobuild.core.uri import Weights
from evobuild.scoring import embeddings
from evobuild.scoring.embeddings import Embedder, text_to_embed
from evobuild.weights import equal_lengths


class FakeModel:
    """Embeds a text as its length and its first character; remembers what it was given."""

    max_seq_length = 4
    asked: ClassVar[list[list[str]]] = []

    def __init__(self, name, **options):
        if name == "broken":
            raise OSError("no weights")

    @staticmethod
    def tokenizer(text, truncation, max_length):
        return {"input_ids": text.split()[:max_length]}

    def encode(self, texts, **options):
        self.asked.append(list(texts))
        return np.array([[len(text), ord(text[0])] for text in texts], np.float64)


@pytest.fixture
def fake(store, monkeypatch):
    """A model that is no model, its texts, and the weights that name it."""
    monkeypatch.setattr(FakeModel, "asked", [])
    library = types.ModuleType("sentence_transformers")
    library.SentenceTransformer = FakeModel
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    monkeypatch.setattr(embeddings.identities, "weights_identity", str)
    monkeypatch.setattr(embeddings.checkpoints, "import_transformers", lambda: None)
    monkeypatch.setattr(embeddings.sources, "weights_source", lambda model: (model.name, None))
    return FakeModel


def embed(texts, name="fake"):
    with Embedder(Weights(name)) as embedder:
        return embedder.embed(texts)


def test_texts_are_embedded_once_and_come_back_in_their_order(fake):
    found = embed(["b c", "a", "b c", "a"])
    assert found.dtype == np.float32 and found.tolist() == [[3, 98], [1, 97], [3, 98], [1, 97]]
    assert [set(asked) for asked in fake.asked] == [{"a"}, {"b c"}]
    assert (embed(["a", "b c"]) == found[[1, 0]]).all() and len(fake.asked) == 2


def test_only_texts_of_as_many_tokens_go_together_and_always_as_many(fake, monkeypatch):
    monkeypatch.setitem(equal_lengths.TOKENS, "cpu", 4)
    embed(["a b", "c", "d e", "f g", "1 2 3 4 5", "6 7 8 9"])
    assert fake.asked == [["c"] * 4, ["a b", "d e"], ["f g"] * 2, ["1 2 3 4 5"], ["6 7 8 9"]]


def test_a_kept_value_of_another_program_is_embedded_again(fake):
    found = embed(["b c", "a"]).tolist()
    for value in (b"", b"x", b"xyz", b"12345"):
        assert foreign.overwrite_measurements(value) == 2
        assert embed(["b c", "a"]).tolist() == found
    assert foreign.overwrite_measurements(b"\0" * 12) == 2
    with pytest.raises(UserError, match="holds embeddings of several sizes"):
        embed(["b c", "new"])


def test_another_model_keeps_its_own(fake):
    embed(["a"])
    embed(["a"], "other")
    assert len(fake.asked) == 2


def test_what_was_embedded_before_a_failure_is_kept(fake, monkeypatch):
    whole = FakeModel.encode

    def failing(self, texts, **options):
        if "b c" in texts:
            raise RuntimeError("out of memory")
        return whole(self, texts)

    monkeypatch.setattr(FakeModel, "encode", failing)
    with pytest.raises(RuntimeError):
        embed(["a", "b c"])
    monkeypatch.setattr(FakeModel, "encode", whole)
    embed(["a", "b c"])
    assert [set(asked) for asked in fake.asked] == [{"a"}, {"b c"}]


def test_a_full_hit_imports_neither_library(fake, monkeypatch):
    embed(["a"])
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    embed(["a"])
    with pytest.raises(MissingExtra, match=r"evobuild\[diversity\]"):
        embed(["b"])


def test_a_model_that_cannot_be_loaded_is_named(fake):
    with pytest.raises(UserError, match="the embedder 'broken' cannot be loaded: no weights"):
        embed(["a"], "broken")


def test_a_package_that_is_not_installed_is_named(store):
    with pytest.raises(UserError, match="the package 'no_such_package' is not installed"):
        Embedder(Weights("package:no_such_package"))


TURNS = (("user", "Hello."), ("assistant", "Hi."))


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("whole", {"input": "In Asia.", "history": TURNS}, "Name a river.\nIn Asia.\nHi.\nHello."),
        ("whole", {"input": "In Asia."}, "Name a river.\nIn Asia."),
        ("whole", {"input": " "}, "Name a river."),
        ("instruction", {"input": "In Asia.", "history": TURNS}, "Name a river."),
        ("instruction", {"instruction": " ", "input": "In Asia.", "history": TURNS}, "In Asia.\nHi.\nHello."),
    ],
)
def test_all_that_is_asked_is_embedded_or_the_instruction_alone(row, text, fields, expected):
    assert text_to_embed(row("Name a river.")._replace(**fields), text) == expected


def test_a_model_cuts_off_the_beginning_of_a_long_conversation(fake, row):
    asked = text_to_embed(row("Shorter, please.", history=TURNS), "whole")
    read = fake.tokenizer(asked, truncation=True, max_length=3)["input_ids"]
    assert read == ["Shorter,", "please.", "Hi."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A BERT of one layer with the tiny model's tokens."""
    transformers = pytest.importorskip("transformers")
    path = tmp_path_factory.mktemp("bert")
    transformers.set_seed(1)
    config = transformers.BertConfig(
        vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(path)
    tiny.tokenizer().save_pretrained(path)
    return path


def test_a_real_model_gives_a_text_the_same_bits_alone_and_among_others(store, folder, monkeypatch):
    pytest.importorskip("sentence_transformers")
    texts = ["Name a river.", "Name a lake.", "Name three colours of the sea in the morning."]
    together = embed(texts, str(folder))
    assert together.shape == (3, 16) and np.isfinite(together).all()
    monkeypatch.setenv("EVOBUILD_STORE", str(store.parent / "other/replies.sqlite"))
    alone = np.concatenate([embed([text], str(folder)) for text in texts])
    assert alone.tobytes() == together.tobytes()


def test_of_no_text_there_is_no_embedding_and_the_model_is_not_asked(fake):
    assert embed([]).shape[0] == 0 and fake.asked == []
