"""Documents are read as each is by itself, whatever they are batched with, packed or padded."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import pytest
import tiny
import torch

from evobuild.weights import likelihood, packing, passes
from evobuild.weights.likelihood import Document, Reader


def documents(count: int = 14, size: int = 300) -> list[Document]:
    """Documents of random ids and many lengths, some of the same; each has two spans."""
    draw = random.Random(5)
    lengths = [draw.randint(2, 60) for _ in range(count - 3)] + [17, 17, 17]
    made = [[draw.randrange(6, size) for _ in range(length)] for length in lengths]
    return [Document(ids, ((1, len(ids) // 2), (max(1, len(ids) // 2), len(ids)))) for ids in made]


def alone(model: Any, document: Document) -> list[float]:
    """The mean losses of a document's spans by plain transformers, in fp64 after the logits."""
    with torch.inference_mode():
        logits_T_V = model(input_ids=torch.tensor([document.ids]), use_cache=False).logits[0].double()
    losses = -logits_T_V.log_softmax(1)
    tokens = [losses[place - 1, document.ids[place]].item() for place in range(1, len(document.ids))]
    parts = [tokens[first - 1 : end - 1] for first, end in document.spans]
    return [sum(part) / len(part) if part else 0.0 for part in parts]


def padded(model: Any) -> Reader:
    return Reader(model, pack=False)


@pytest.mark.parametrize("make", [Reader, padded])
def test_losses_are_those_of_each_document_by_itself(make: Any) -> None:
    model, given = tiny.model(), documents()
    found = dict(make(model).read(given))
    assert found.keys() == set(range(len(given)))
    for place, document in enumerate(given):
        assert found[place] == pytest.approx(alone(model, document), abs=1e-5)


@pytest.mark.parametrize("window", [None, 1, 7, 40])
@pytest.mark.parametrize("block", [1, 8, 64])
def test_packed_attention_is_that_of_transformers(monkeypatch, window: int | None, block: int) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    monkeypatch.setattr(packing, "BLOCK", block)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = MistralConfig(vocab_size=300, num_key_value_heads=2, sliding_window=window, **shape)
    model = MistralForCausalLM(config).eval()
    given, reader = documents(), Reader(model)
    assert reader.packs
    for place, means in reader.read(given):
        assert means == pytest.approx(alone(model, given[place]), abs=1e-5)


@pytest.mark.parametrize("make", [Reader, padded])
def test_what_stands_beside_a_document_does_not_reach_it(make: Any) -> None:
    first, *others = documents()
    # The same lengths, other tokens: only what leaks could tell them apart.
    changed = [Document([ids % 290 + 7 for ids in other.ids], other.spans) for other in others]
    one, two = (dict(make(tiny.model()).read([first, *rest]))[0] for rest in (others, changed))
    assert one == two


def test_a_model_of_the_attention_interface_is_packed_without_padding() -> None:
    model = deepcopy(tiny.model())
    reader, seen = Reader(model), []
    model.base_model.register_forward_pre_hook(lambda _, args, given: seen.append(given), with_kwargs=True)
    given = documents()
    list(reader.read(given))
    (batch,) = seen
    assert sum(len(document.ids) for document in given) < passes.TOKENS["cpu"]
    assert batch["input_ids"].shape == (1, passes.TOKENS["cpu"])


def test_what_fills_a_pass_needs_no_more_positions_than_a_text() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=300, n_positions=64, n_embd=32, n_layer=1, n_head=2)).eval()
    reader, given = Reader(model), documents()
    assert reader.packs
    for place, means in reader.read(given[:3]):
        assert means == pytest.approx(alone(model, given[place]), abs=1e-5)


def test_documents_that_would_see_others_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    by_length = packing.attend_by_length
    monkeypatch.setattr(packing, "attend_by_length", lambda heads, lengths: by_length(heads, [sum(lengths)]))
    assert not Reader(tiny.model()).packs


def test_the_models_own_attention_is_back_afterwards() -> None:
    model = tiny.model()
    before = model.config._attn_implementation
    list(Reader(model).read(documents()))
    assert model.config._attn_implementation == before != "evobuild_documents"


def test_scaled_logits_are_not_taken_for_those_of_the_output_layer() -> None:
    model = deepcopy(tiny.model())
    plain = dict(Reader(model).read(documents()))
    forward = model.forward
    model.forward = lambda *args, **options: _scaled(forward(*args, **options))
    reader = Reader(model)
    assert not reader.is_split
    found = dict(reader.read(documents()))
    assert found[0] == pytest.approx(alone(model, documents()[0]), abs=1e-5)
    assert found[0] != pytest.approx(plain[0], abs=1e-3)


def _scaled(out: Any) -> Any:
    out.logits = out.logits / 3
    return out


@pytest.mark.parametrize(("size", "asked"), [(1, 64), (100, 64), (200, 192), (1 << 20, 960)])
def test_the_output_layer_sees_wanted_positions_only_a_chunk_at_a_time(
    monkeypatch, size: int, asked: int
) -> None:
    model = deepcopy(tiny.model())
    monkeypatch.setitem(likelihood.CHUNK, "cpu", size * 300)
    reader, seen = Reader(model), []
    model.get_output_embeddings().register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    document = Document(list(range(10, 40)), ((20, 30),))
    assert dict(reader.read([document]))[0] == pytest.approx(alone(tiny.model(), document), abs=1e-5)
    assert seen == [asked]  # 10 positions and as many more as make it always as many


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_and_its_losses_are_taken_in_fp32(dtype: Any) -> None:
    model = deepcopy(tiny.model()).to(dtype)
    found, wanted = (dict(Reader(each).read(documents())) for each in (model, tiny.model()))
    for place, means in wanted.items():
        assert found[place] == pytest.approx(means, rel=5e-3)
        assert found[place] != means
