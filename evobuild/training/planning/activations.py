"""Memory of what a forward pass keeps for its backward pass, by a formula.

It counts the tensors that PyTorch's autograd saves for a Llama of transformers with fused attention (Llama,
Mistral, Qwen2 …), as Korthikanti et al., arXiv:2205.05198, do for a GPT; a test holds it against what
autograd does save. Of a token, each layer keeps, in bytes, where w is the width of what is computed with
and s that of what goes from layer to layer, 2 for bf16 and 4 for fp32:

    norms       (2 · (4 + s) + c · w) · hidden
    attention   2 · w · (heads + kv_heads) · head_dim
    MLP         4 · w · intermediate

Each of two norms keeps its input in fp32, what it normed, and what the linear layers read of it: these
share it (c = 2), but where autocast casts it from fp32 for each of five (c = 5). Attention keeps queries,
keys, values and attention's output; the MLP keeps the gate, the same after SiLU, the other product, and
what is made of both.
"""

from __future__ import annotations

from dataclasses import dataclass

from evobuild.training.planning.shapes import Shape

FP32, BF16 = 4, 2
LOGITS_TOKENS, LOGITS_WIDTH = 4096, 32768
"""Tokens and vocabulary of a tile of logits: TRL never holds all of them at once."""


@dataclass(frozen=True)
class Pass:
    """One pass over a micro-batch.

    tokens: of the micro-batch. width: bytes of a number computed with; stream: of one that goes from layer
    to layer. checkpointing: whether what is within a layer is computed a second time rather than kept.
    head: whether the layer that gives the logits is tuned.
    """

    tokens: int
    width: int
    stream: int
    checkpointing: bool
    head: bool


def activation_bytes(shape: Shape, given: Pass) -> int:
    """Bytes of what one micro-batch keeps, and of the largest of what its backward pass makes on its way.

    With gradient checkpointing each layer keeps its input alone, and one at a time all that is in it.
    """
    whole = layer_bytes(shape, given.width, given.stream)
    inputs = given.stream * shape.hidden * shape.layers
    kept = inputs + whole if given.checkpointing else whole * shape.layers
    last_norm = (FP32 + 2 * given.width) * shape.hidden
    # Gradients of three products of an MLP, and of its layer's input.
    passing = 3 * given.width * shape.intermediate + given.stream * shape.hidden
    return given.tokens * (kept + last_norm + passing) + _logits_bytes(shape, given)


def layer_bytes(shape: Shape, width: int, stream: int) -> int:
    """Bytes that one layer keeps of one token, by the formula above."""
    casts = 5 if stream > width else 2
    norms = (2 * (FP32 + stream) + casts * width) * shape.hidden
    attention = 2 * width * (shape.heads + shape.kv_heads) * shape.head_dim
    return norms + attention + 4 * width * shape.intermediate


def _logits_bytes(shape: Shape, given: Pass) -> int:
    """Count the bytes of a tile of logits, its gradient, and the head's gradient, which TRL
    accumulates in fp32.
    """
    tile = min(given.tokens, LOGITS_TOKENS) * min(shape.vocabulary, LOGITS_WIDTH)
    return 2 * given.width * tile + (FP32 * shape.head if given.head else 0)
