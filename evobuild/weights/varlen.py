"""Attention by document on a GPU: PyTorch's variable-length flash attention, and what it demands.

What `torch.nn.attention.varlen.varlen_attn` of torch 2.13 takes (its kernel: `mha_varlen_fwd` in
aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp):

| argument | demand | where it is broken |
|---|---|---|
| GPU | Ampere (sm_80) or newer | RuntimeError |
| query, key, value | fp16 or bf16, all alike; autocast casts none of them | RuntimeError |
| | (T, N, D) on the GPU; the last dimension contiguous | RuntimeError |
| | D a multiple of 8, at most 256, the same in all three | RuntimeError |
| | rows that begin at multiples of 16 bytes, which it reads at once | the process dies of a CUDA error |
| heads | of query a multiple of those of key; enable_gqa where they differ | ValueError |
| cu_seq_q, cu_seq_k | int32, contiguous, (documents + 1), on the same GPU | RuntimeError |
| | from 0 to T, growing | silently wrong numbers |
| max_q, max_k | Python integers, at least the longest document | silently wrong numbers |
| scale | a float, or None for 1 / √D | RuntimeError |
| window_size | a tuple (before, after), -1 for all; (-1, 0) is causal | silently wrong numbers |
| num_splits | 1: else sums may be split as the longest document of a pass has it | other bits |
| gradients | none of sums over them is in a fixed order | other bits from run to run |

A RuntimeError, raised when a model is probed, has documents read padded (`probe`). `strict_varlen` of
tests/support checks all of this on a CPU and computes the same attention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from evobuild.core.errors import require

if TYPE_CHECKING:
    import torch

SHORTEST = 128


class Heads(NamedTuple):
    """What an attention layer is given; window: positions that a token sees, None is all before it."""

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    scaling: float | None
    window: int | None

    @property
    def parts(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return query, key and value."""
        return self.query, self.key, self.value


def bucketed_length(longest: int) -> int:
    """Round the longest document of a pass up to a power of two.

    Compiled code is kept for each number it has met: for any length it would be compiled again and again.
    """
    return max(SHORTEST, 1 << (longest - 1).bit_length())


def attend_on_gpu(heads: Heads, starts: torch.Tensor, longest: int) -> torch.Tensor:
    """Attend causally within each document: (1, T, N, D), in the kernel's dtype.

    starts: where documents begin, and their end. longest: tokens of the longest, or more.
    Raises RuntimeError at what the kernel refuses: dtype, GPU or size of heads.
    """
    varlen: Any = require("torch.nn.attention.varlen", "train")
    dtype = _kernel_dtype(heads.value)
    query, key, value = (each[0].transpose(0, 1).to(dtype) for each in heads.parts)
    attended: torch.Tensor = varlen.varlen_attn(
        query,
        key,
        value,
        starts,
        starts,
        longest,
        longest,
        scale=heads.scaling,
        window_size=(-1 if heads.window is None else heads.window - 1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
        num_splits=1,
    )
    return attended[None]


def _kernel_dtype(value: torch.Tensor) -> torch.dtype:
    """Return autocast's dtype, else the values': positions and norms change only query and key."""
    torch_: Any = require("torch", "train")
    kind = value.device.type
    dtype: torch.dtype = torch_.get_autocast_dtype(kind) if torch_.is_autocast_enabled(kind) else value.dtype
    return dtype
