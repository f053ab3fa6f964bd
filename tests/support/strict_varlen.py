"""A stand-in for PyTorch's variable-length attention, which has no CPU kernel: it refuses what that refuses.

The contract is that of the table in evobuild/weights/varlen.py. What the kernel would compute wrongly, or die
of, fails here, too. What passes is computed in fp32, document by document.
"""

from __future__ import annotations

import inspect
from itertools import pairwise
from typing import Any

import torch
from torch.nn.attention import varlen

OWN = varlen.varlen_attn
DTYPES = (torch.float16, torch.bfloat16)
LARGEST_HEAD = 256
ALIGNED = 8
"""Numbers of two bytes that the kernel reads at once."""

calls: list[dict[str, Any]] = []
"""What it was given since `install`, but for tensors."""


def install(monkeypatch: Any) -> list[dict[str, Any]]:
    """Have packed attention take the path of a GPU, to this stand-in; gives what it is called with."""
    calls.clear()
    monkeypatch.setattr("evobuild.weights.packing.has_kernel", lambda tensor: True)
    monkeypatch.setattr(varlen, "varlen_attn", attend)
    return calls


def attend(*args: Any, **options: Any) -> torch.Tensor:
    """Check a call, and compute it."""
    call = bound(*args, **options)
    check(call)
    check_values(call)
    calls.append({name: value for name, value in call.items() if not isinstance(value, torch.Tensor)})
    with torch.autocast(call["query"].device.type, enabled=False):
        return _computed(call)


def bound(*args: Any, **options: Any) -> dict[str, Any]:
    """The arguments of a call by name, as the installed PyTorch names them."""
    given = inspect.signature(OWN).bind(*args, **options)
    given.apply_defaults()
    return given.arguments


def check(call: dict[str, Any]) -> None:
    """Refuse what can be told from shapes, dtypes and devices: of fake tensors, too."""
    parts = [call[name] for name in ("query", "key", "value")]
    query, key, value = parts
    _hold(query.dtype in DTYPES, "FlashAttention only support fp16 and bf16 data type")
    _hold(key.dtype == value.dtype == query.dtype, "query, key and value must have the same dtype")
    _hold(all(each.dim() == 3 for each in parts), "query, key and value must be (T, N, D)")
    _hold(all(each.device == query.device for each in parts), "all tensors must be on one device")
    _hold(all(each.stride(-1) == 1 for each in parts), "Input tensor must have contiguous last dimension")
    heads, head = query.shape[1:]
    _hold(head <= LARGEST_HEAD, "FlashAttention forward only supports head dimension at most 256")
    _hold(head % ALIGNED == 0, "head_size must be a multiple of 8")
    _hold(key.shape == value.shape == (len(query), key.shape[1], head), "shapes of key and value")
    for each in parts:
        starts = (each.storage_offset(), *each.stride()[:-1])
        _hold(all(start % ALIGNED == 0 for start in starts), "rows must begin at multiples of 16 bytes")
    # As `varlen_attn` has it, before the kernel.
    if not call["enable_gqa"] and heads != key.shape[1]:
        raise ValueError("Expect query and key/value to have the same number of heads")
    if heads % key.shape[1]:
        raise ValueError("Expect number of query heads to be a multiple of kv heads")
    for name in ("cu_seq_q", "cu_seq_k"):
        starts = call[name]
        _hold(starts.dtype == torch.int32, f"{name} must have dtype int32")
        _hold(starts.device == query.device, f"{name} must be on the device of query")
        _hold(starts.dim() == 1 and len(starts) > 1 and starts.is_contiguous(), f"{name} must be contiguous")
    for name in ("max_q", "max_k"):
        _hold(type(call[name]) is int, f"{name} must be an integer")
        _hold(
            call[name].bit_count() == 1, f"{name} must be one of few numbers: compiled code is kept for each"
        )
    _hold(call["scale"] is None or type(call["scale"]) is float, "scale must be a float")
    window = call["window_size"]
    _hold(type(window) is tuple and [type(each) for each in window] == [int, int], "window_size: a tuple")
    _hold(window[0] >= -1 and window[1] == 0, "window_size must be causal")
    _hold(call["num_splits"] == 1, "num_splits must be 1: else bits depend on the batch")
    unused = [call[name] for name in ("return_aux", "seqused_k", "block_table")]
    _hold(unused == [None, None, None], "what is for inference alone has no gradient")


def check_values(call: dict[str, Any]) -> None:
    """Refuse what would be computed wrongly."""
    starts = call["cu_seq_q"].tolist()
    _hold(starts == call["cu_seq_k"].tolist(), "documents of query and key must be the same")
    _hold(starts[0] == 0 and starts[-1] == len(call["query"]), "documents must be all of the row")
    lengths = [end - first for first, end in pairwise(starts)]
    _hold(min(lengths) > 0, "documents must have tokens")
    _hold(max(lengths) <= min(call["max_q"], call["max_k"]), "max_q must be no less than the longest")


def _hold(holds: bool, demand: str) -> None:
    if not holds:
        raise RuntimeError(demand)


def _computed(call: dict[str, Any]) -> torch.Tensor:
    query, key, value = (call[name].float().transpose(0, 1) for name in ("query", "key", "value"))
    groups = len(query) // len(key)
    key, value = (each.repeat_interleave(groups, 0) for each in (key, value))
    scale = query.shape[-1] ** -0.5 if call["scale"] is None else call["scale"]
    before = call["window_size"][0]
    found = []
    for first, end in pairwise(call["cu_seq_q"].tolist()):
        places = torch.arange(end - first)
        behind = places[:, None] - places
        seen = (behind >= 0) & ((behind <= before) if before >= 0 else True)
        scores = query[:, first:end] @ key[:, first:end].transpose(1, 2) * scale
        found.append(scores.masked_fill(~seen, -torch.inf).softmax(-1) @ value[:, first:end])
    return torch.cat(found, 1).transpose(0, 1).to(call["query"].dtype)
