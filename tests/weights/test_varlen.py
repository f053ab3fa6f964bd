"""The path of a GPU, held on a CPU to a stand-in that refuses what the kernel refuses: strict_varlen."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import pytest
import strict_varlen
import torch
import transformers
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import varlen

from evobuild.weights import packing
from evobuild.weights.likelihood import Document, Reader
from evobuild.weights.packing import packed_attention, packed_layout
from evobuild.weights.varlen import Heads, attend_on_gpu, bucketed_length

SHAPE = {
    "vocab_size": 300, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip
LENGTHS = (5, 9, 2, 14)


def model(kind: str = "Mistral", **fields: Any) -> Any:
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**SHAPE | fields)
    return getattr(transformers, f"{kind}ForCausalLM")(config).eval()


def documents() -> list[Document]:
    draw = random.Random(5)
    made = [[draw.randrange(6, 300) for _ in range(draw.randint(2, 60))] for _ in range(12)]
    return [Document(ids, ((1, len(ids)),)) for ids in made]


def heads(window: int | None = None, size: int = 16, dtype: torch.dtype = torch.bfloat16) -> Heads:
    torch.manual_seed(1)
    shapes = [(1, number, sum(LENGTHS), size) for number in (4, 2, 2)]
    return Heads(*(torch.randn(shape).to(dtype) for shape in shapes), scaling=0.3, window=window)


def starts() -> torch.Tensor:
    return packed_layout(LENGTHS, torch.device("cpu"))["cu_seq_lens_q"]


@pytest.mark.parametrize("window", [None, 1, 4, 100])
def test_attention_is_that_of_each_document(monkeypatch, window: int | None) -> None:
    """The stand-in against PyTorch's own attention with a mask: what is asked of it is what is meant."""
    strict_varlen.install(monkeypatch)
    given = heads(window)
    found = attend_on_gpu(given, starts(), bucketed_length(max(LENGTHS)))
    as_fp32 = Heads(*(each.float() for each in given.parts), scaling=0.3, window=window)
    wanted = packing.attend_one_by_one(as_fp32, list(LENGTHS))
    assert found.dtype == torch.bfloat16 and found.shape == wanted.shape
    assert torch.allclose(found.float(), wanted, atol=0.02)


@pytest.mark.parametrize("kind", ["Mistral", "Llama", "Qwen2", "Qwen3", "Phi3"])
def test_scoring_in_bf16_takes_the_kernel(monkeypatch, kind: str) -> None:
    plain = model(kind, **({"pad_token_id": 0} if kind == "Phi3" else {}))
    calls = strict_varlen.install(monkeypatch)
    reader = Reader(deepcopy(plain).to(torch.bfloat16))
    assert reader.packs and calls
    found = dict(reader.read(documents()))
    monkeypatch.undo()
    for place, means in Reader(plain).read(documents()):
        assert found[place] == pytest.approx(means, rel=5e-3)


@pytest.mark.parametrize("kind", ["Mistral", "Qwen3"])
def test_autocast_decides_in_what_the_kernel_computes(monkeypatch, kind: str) -> None:
    """Positions and norms leave queries and keys in fp32, and autocast casts nothing at the kernel."""
    plain = model(kind)
    calls = strict_varlen.install(monkeypatch)
    ids = torch.randint(300, (1, sum(LENGTHS)))
    assert packing.can_pack(plain)
    with torch.autocast("cpu", torch.bfloat16), packed_attention(plain):
        plain(
            input_ids=ids, use_cache=False, **packed_layout(LENGTHS, torch.device("cpu"))
        ).logits.sum().backward()
    assert len(calls) == 2
    assert all(each.grad is not None and each.grad.isfinite().all() for each in plain.parameters())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cu_seq_q": starts().float()}, "cu_seq_q must have dtype int32"),
        ({"cu_seq_k": starts().long()}, "cu_seq_k must have dtype int32"),
        ({"cu_seq_q": torch.zeros(5, 2, dtype=torch.int32)[:, 0]}, "cu_seq_q must be contiguous"),
        ({"query": torch.randn(30, 4, 16)}, "fp16 and bf16"),
        ({"key": torch.randn(30, 2, 16).half()}, "the same dtype"),
        ({"query": torch.zeros(16, 4, 30).bfloat16().permute(2, 1, 0)}, "contiguous last dimension"),
        ({name: torch.zeros(30, 2, 12).bfloat16() for name in ("query", "key", "value")}, "multiple of 8"),
        ({name: torch.zeros(30, 2, 264).bfloat16() for name in ("query", "key", "value")}, "at most 256"),
        ({"value": torch.zeros(30, 2, 8).bfloat16()}, "shapes"),
        ({"query": torch.zeros(30, 4, 17).bfloat16()[..., 1:]}, "16 bytes"),
        ({"max_q": 7}, "few numbers"),
        ({"max_q": 8}, "no less than the longest"),
        ({"max_k": torch.tensor(16)}, "integer"),
        ({"scale": torch.tensor(0.3)}, "scale"),
        ({"window_size": [-1, 0]}, "tuple"),
        ({"num_splits": None}, "num_splits"),
    ],
)  # fmt: skip
def test_the_stand_in_refuses_what_the_kernel_refuses(change: dict[str, Any], said: str) -> None:
    parts = [each[0].transpose(0, 1) for each in heads().parts]
    given = dict(zip(("query", "key", "value"), parts, strict=True))
    given |= {"cu_seq_q": starts(), "cu_seq_k": starts(), "max_q": 16, "max_k": 16}
    given |= {"scale": 0.3, "window_size": (-1, 0), "enable_gqa": True, "num_splits": 1}
    assert strict_varlen.attend(**given).shape == parts[0].shape
    with pytest.raises(RuntimeError, match=said):
        strict_varlen.attend(**given | change)


@pytest.mark.parametrize(
    ("fields", "dtype", "said"),
    [
        ({"head_dim": 12}, torch.bfloat16, "head_size must be a multiple of 8"),
        ({}, torch.float32, "FlashAttention only support fp16 and bf16 data type"),
    ],
)
def test_what_the_kernel_refuses_is_read_padded_with_a_line(monkeypatch, capsys, fields, dtype, said) -> None:
    strict_varlen.install(monkeypatch)
    assert not Reader(model(**fields).to(dtype)).packs
    assert f"reads texts padded, one a row: packed it is refused ({said})" in capsys.readouterr().err


def test_few_lengths_reach_compiled_code() -> None:
    assert {bucketed_length(length) for length in range(1, 2049)} == {128, 256, 512, 1024, 2048}


@pytest.mark.parametrize("kind", ["Mistral", "Qwen3"])
def test_pytorchs_own_operator_takes_the_call(monkeypatch, kind: str) -> None:
    """A pass over tensors without numbers, by the kernel's operator: names, kinds and shapes are its own.

    They are fake ones of a CPU: PyTorch without CUDA traces no more than a few operators on fake CUDA ones.
    """
    seen = []

    def checked(*args: Any, **options: Any) -> Any:
        call = strict_varlen.bound(*args, **options)
        strict_varlen.check(call)
        seen.append(call["query"].dtype)
        return strict_varlen.OWN(*args, **options)

    strict_varlen.install(monkeypatch)
    monkeypatch.setattr(varlen, "varlen_attn", checked)
    real = model(kind).to(torch.bfloat16)
    assert packing.can_pack(real)
    held = dict(real.named_parameters()) | dict(real.named_buffers())
    given = {"input_ids": torch.zeros(1, sum(LENGTHS), dtype=torch.long)}
    given |= packed_layout(LENGTHS, torch.device("cpu"))
    with FakeTensorMode(), torch.no_grad(), packed_attention(real):
        options = {name: emptied(value) for name, value in given.items()} | {"use_cache": False}
        weights = {name: emptied(value) for name, value in held.items()}
        logits = torch.func.functional_call(real, weights, (), options).logits
    assert seen == [torch.bfloat16] * 2 and logits.shape == (1, 30, 300)


def emptied(value: Any) -> Any:
    """A tensor of the same kind without numbers; anything else as it is."""
    return torch.empty(value.shape, dtype=value.dtype) if isinstance(value, torch.Tensor) else value
