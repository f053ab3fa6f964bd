"""Floating-point operations of a training, and how many a GPU can do, which give hours and the MFU.

The MFU (model FLOP/s utilization, PaLM, arXiv:2204.02311, appendix B) is the tokens trained a second, times
the operations that the model needs for each, over the peak of the device. Operations are counted as PaLM,
Megatron, nanochat, torchtitan and TRL count them, so that figures compare with theirs: what gradient
checkpointing computes a second time is not counted, and attention in full, although half of it is masked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evobuild.training.planning.shapes import Shape

PEAKS = {
    "B300": 2250.0,
    "GB300": 2500.0,
    "B200": 2250.0,
    "GB200": 2500.0,
    "H200": 989.0,
    "H200 NVL": 835.0,
    "GH200": 989.0,
    "H100": 989.0,
    "H100 NVL": 835.0,
    "H100 PCIe": 756.0,
    "H800": 989.0,
    "H20": 148.0,
    "A100": 312.0,
    "A800": 312.0,
    "A40": 149.7,
    "A30": 165.0,
    "A10": 125.0,
    "A10G": 70.0,
    "L40S": 362.0,
    "L40": 181.0,
    "L4": 121.0,
    "V100": 125.0,
    "T4": 65.0,
    "RTX PRO 6000": 500.0,
    "RTX 6000 Ada": 364.0,
    "RTX A6000": 154.8,
    "RTX 5090": 209.5,
    "RTX 4090": 165.2,
    "RTX 3090": 71.0,
    "MI355X": 2500.0,
    "MI325X": 1307.0,
    "MI300X": 1307.0,
    "MI250X": 191.5,
}
"""Peak TFLOP/s of dense bf16 with sums in fp32 by GPU, from the vendors' data sheets; NVIDIA's often give
twice as much, "with sparsity". V100 and T4: fp16, for they have no bf16. MI250X: of one of its two dies,
which is what PyTorch sees as a device."""

_PARTS = {"LAPTOP", "MOBILE", "MIG", "MAX"}
"""Words in the name of a slower version, or of a slice, of a GPU in the table; "Max-Q" among them."""


def peak_flops(name: str) -> float | None:
    """Peak FLOP/s, dense bf16, of a GPU by its name as PyTorch gives it, such as "NVIDIA H100 80GB HBM3".

    None if it is not known.
    """
    words = set(re.findall(r"[A-Z0-9]+", name.upper()))
    if words & _PARTS:
        return None
    known = [gpu for gpu in PEAKS if set(gpu.upper().split()) <= words]
    return PEAKS[max(known, key=lambda gpu: len(gpu.split()))] * 1e12 if known else None


def training_flops_per_token(
    shape: Shape, length: float, *, adapters: int = 0, reference: bool = False
) -> float:
    """Count the products and sums of one trained token: forward and backward.

    length: tokens of the row that it is in, for rows do not see each other; of rows of several lengths what
    `mean_attended_length` gives. adapters: parameters of LoRA, 0 if all weights are tuned. reference: whether
    another model, as large, reads it too (DPO).

    Forward 2 · N + 4 · layers · heads · head_dim · length, where N are the weights that multiply: those
    that a token meets, without the embedding, which is looked up, but with the head. Backward is twice as
    much, in all 6 · N + 12 · layers · heads · head_dim · length. Weights that LoRA freezes need no gradient
    of their own: 4 · N.
    """
    multiplied = shape.active - shape.embedding + (shape.head if shape.tied else 0)
    attention = 4 * shape.layers * shape.heads * shape.head_dim * length
    trained = 4 * multiplied + 6 * adapters if adapters else 6 * multiplied
    return trained + 3 * attention + (2 * multiplied + attention if reference else 0)


def mean_attended_length(lengths: Sequence[int]) -> float:
    """Compute the mean, over all tokens, of the length of the row that a token is in; 0 without tokens."""
    return sum(length * length for length in lengths) / (sum(lengths) or 1)
