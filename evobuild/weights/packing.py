"""Documents one after the other in one row, without padding, each attending to itself alone.

For models whose attention is one of transformers' interface: ours is registered there and told where
documents begin. On a GPU it is PyTorch's variable-length flash attention (`varlen`); on a CPU, documents of
like length go through the usual kernel together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from itertools import groupby
from typing import TYPE_CHECKING, Any

from evobuild.core.errors import require
from evobuild.weights.varlen import Heads, attend_on_gpu, bucketed_length

if TYPE_CHECKING:
    import torch

NAME = "evobuild_documents"
BLOCK = 128
"""Positions at a time on a CPU: its kernel computes what a causal mask hides, and blocks save some of it."""


def can_pack(model: Any) -> bool:
    """Return whether a model's attention can be replaced by ours."""
    transformers = require("transformers", "train")
    if not isinstance(model, transformers.PreTrainedModel) or not model._can_set_attn_implementation():
        return False
    # Without them documents would begin behind one another, and end beyond the positions that there are.
    if "position_ids" not in signature(model.forward).parameters:
        return False
    transformers.AttentionInterface.register(NAME, _attend)
    transformers.AttentionMaskInterface.register(NAME, _no_mask)
    return True


@contextmanager
def packed_attention(model: Any) -> Iterator[None]:
    """Have the model attend by document inside."""
    config, before = model.config, model.config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


def packed_layout(lengths: Sequence[int], device: torch.device) -> dict[str, Any]:
    """Return the arguments of a forward pass over a row of documents: positions, and starts."""
    torch: Any = require("torch", "train")
    longest = bucketed_length(max(lengths))
    starts = torch.tensor([0, *lengths]).cumsum(0).to(device, torch.int32)
    positions_1_T = torch.cat([torch.arange(length) for length in lengths])[None].to(device)
    return {
        "position_ids": positions_1_T,
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def has_kernel(tensor: torch.Tensor) -> bool:
    """Return whether a tensor is on a device with the variable-length kernel."""
    return bool(tensor.is_cuda)


def _no_mask(*args: Any, **options: Any) -> None:
    """Our attention needs none."""


# The parameters are those that transformers hands to an attention of its interface, by these names.
def _attend(
    module: Any,
    query_1_N_T_D: torch.Tensor,
    key_1_K_T_D: torch.Tensor,
    value_1_K_T_D: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    cu_seq_lens_q: torch.Tensor,
    max_length_q: int,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend causally within each document. N heads, K of keys; (1, T, N, D) is returned."""
    if any(each is not None for each in (attention_mask, softcap, s_aux)):
        raise NotImplementedError("masks, capped scores and sinks are left to the model's own attention")
    heads = Heads(query_1_N_T_D, key_1_K_T_D, value_1_K_T_D, scaling, sliding_window)
    if has_kernel(query_1_N_T_D):
        return attend_on_gpu(heads, cu_seq_lens_q, max_length_q), None
    lengths = cu_seq_lens_q.diff().tolist()
    if query_1_N_T_D.requires_grad:
        return attend_one_by_one(heads, lengths), None
    return attend_by_length(heads, lengths), None


def attend_one_by_one(heads: Heads, lengths: list[int]) -> torch.Tensor:
    """Attend within each of the documents of these lengths: gradients of gathered rows are slow."""
    torch_: Any = require("torch", "train")
    parts = (each.split(lengths, 2) for each in heads.parts)
    each_1_N_L_D = [
        _whole(Heads(query, key, value, heads.scaling, heads.window))
        for query, key, value in zip(*parts, strict=True)
    ]
    packed: torch.Tensor = torch_.cat(each_1_N_L_D, 2).transpose(1, 2).contiguous()
    return packed


def _whole(heads: Heads) -> torch.Tensor:
    torch_: Any = require("torch", "train")
    mask, length = None, heads.query.shape[2]
    if heads.window is not None and heads.window < length:
        mask = torch_.ones(length, length, dtype=torch_.bool).tril_().triu_(1 - heads.window)
    attended: torch.Tensor = torch_.nn.functional.scaled_dot_product_attention(
        *heads.parts,
        attn_mask=mask,
        is_causal=mask is None,
        scale=heads.scaling,
        enable_gqa=heads.query.shape[1] != heads.key.shape[1],
    )
    return attended


def attend_by_length(heads: Heads, lengths: list[int]) -> torch.Tensor:
    """Attend within each of the documents of these lengths on a CPU, those of like length together."""
    torch_: Any = require("torch", "train")
    query, key, value = heads.parts
    groups = query.shape[1] // key.shape[1]
    parts_1_N_T_D = [
        query,
        *(each.repeat_interleave(groups, 1) if groups > 1 else each for each in (key, value)),
    ]
    found, start = [], 0
    for longest, alike in _alike(lengths):
        size = sum(alike)
        ends_C = torch_.tensor(alike)
        places_C_L = (ends_C.cumsum(0) - ends_C)[:, None] + torch_.arange(longest)
        # (1, N, T, D) -> (C, N, L, D); causal attention ignores what follows the end of a short document.
        parts = [
            each[0, :, start : start + size][:, places_C_L.clamp(max=size - 1)].transpose(0, 1)
            for each in parts_1_N_T_D
        ]
        alike_heads = Heads(parts[0], parts[1], parts[2], heads.scaling, heads.window)
        blocks = [
            _block(alike_heads, first, min(first + BLOCK, longest)) for first in range(0, longest, BLOCK)
        ]
        attended_C_L_N_D = torch_.cat(blocks, 2).transpose(1, 2)
        found.append(attended_C_L_N_D[torch_.arange(longest) < ends_C[:, None]])
        start += size
    packed: torch.Tensor = torch_.cat(found)[None]
    return packed


def _alike(lengths: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Split lengths into runs of one width: that, and the lengths of a run."""
    for width, run in groupby(lengths, _width):
        yield width, list(run)


def _width(length: int) -> int:
    """Round a length up to one of eight steps to the next power of two: the width that attention uses.

    By its own length alone, so that a document is computed alike whatever it shares a pass with.
    """
    step = max(1, 1 << (length - 1).bit_length() >> 4)
    return -(-length // step) * step


def _block(heads: Heads, first: int, end: int) -> torch.Tensor:
    """Attend from some positions of documents of similar length to the positions before them."""
    torch_: Any = require("torch", "train")
    window = heads.window
    begin = 0 if window is None else max(0, first + 1 - window)
    mask = None
    if first or window is not None:
        mask = torch_.ones(end - first, end - begin, dtype=torch_.bool).tril_(first - begin)
        if window is not None:
            mask = mask.triu_(first - begin + 1 - window)
    query, key, value = heads.parts
    attended: torch.Tensor = torch_.nn.functional.scaled_dot_product_attention(
        query[:, :, first:end],
        key[:, :, begin:end],
        value[:, :, begin:end],
        attn_mask=mask,
        is_causal=mask is None,
        scale=heads.scaling,
    )
    return attended
