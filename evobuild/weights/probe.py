"""Probe how documents may be arranged in a pass of a model: compare one document at several positions.

packed: one after the other in one row, each attending to itself alone. padded: one a row, filled up at its
end, where a causal model does not see it from the tokens that count. alone: a pass for each. Recurrent layers
go on from one document to the next, experts and kernels may sum in an order that depends on the others, and
attention with sinks or capped scores is unsupported: whatever the reason, a layout is taken only if each
document comes out as by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from evobuild.core.errors import UserError

if TYPE_CHECKING:
    import torch

Layout = Literal["packed", "padded", "alone"]
"""How documents are arranged in a pass: packed, one per row, or alone."""
Read = Callable[[Layout, list[list[int]]], "list[torch.Tensor]"]
"""What one pass in a layout makes of each document, in fp32."""

PROBES = (5, 3, 7)
"""Lengths of the documents that a layout is tried on."""
REFUSALS = (AttributeError, IndexError, RuntimeError, TypeError, ValueError)
"""What is raised where a model asks of its attention, or its device or dtype, more than ours does."""


class Exactness(NamedTuple):
    """How near a document must come, in shares of its largest number: to itself alone, and elsewhere."""

    alone: float
    elsewhere: float


class Choice(NamedTuple):
    """A layout, and why none of those before it was taken."""

    layout: Layout
    reasons: tuple[str, ...] = ()

    def line(self, what: str) -> str:
        """Say what is read how, and why. Instance: what "the scorer"."""
        ways = {"packed": "one after the other", "padded": "padded, one a row", "alone": "one by one"}
        reasons = f": {'; '.join(self.reasons)}" if self.reasons else ""
        return f"{what} reads texts {ways[self.layout]}{reasons}"


def probe_documents(vocabulary: int) -> list[list[int]]:
    """Build the documents to probe layouts with, from a model's first tokens."""
    draw = np.random.default_rng(0)
    return [draw.integers(0, min(99, vocabulary), size).tolist() for size in PROBES]


def choose_layout(
    read: Read, layouts: Sequence[Layout], vocabulary: int, copies: Callable[[Layout], int], exact: Exactness
) -> Choice:
    """Choose the first layout that reads documents as if alone; `alone` without any.

    Raises UserError if the model is no causal one, or computes no numbers.
    vocabulary: of the model. copies: copies of each document in a pass, at least 2.
    """
    probes = probe_documents(vocabulary)
    alone = [read("alone", [each])[0] for each in probes]
    _check_causal(read, probes[-1], alone[-1], exact)
    reasons = []
    for layout in layouts:
        try:
            found = read(layout, probes * copies(layout))
        except REFUSALS as error:
            reasons.append(f"{layout} it is refused ({first_line_of_error(error)})")
            continue
        if is_sound(found, alone, exact):
            return Choice(layout, tuple(reasons))
        reasons.append(f"{layout} a text changes with those beside it")
    return Choice("alone", tuple(reasons))


def _check_causal(read: Read, probe: list[int], whole: torch.Tensor, exact: Exactness) -> None:
    """Raise UserError if later tokens change the results of earlier ones: the model is not causal."""
    if not whole.isfinite().all():
        raise UserError("the model computes infinite numbers, or none; choose another model or dtype")
    part = read("alone", [probe[: len(probe) // 2]])[0]
    if not is_sound([part], [whole[: len(part)]], exact):
        raise UserError("the model reads texts from both sides; expected a causal language model")


def is_sound(found: Sequence[torch.Tensor], alone: Sequence[torch.Tensor], exact: Exactness) -> bool:
    """Return whether documents, repeated in order, give the same results as alone."""
    largest = max(float(each.abs().max()) for each in alone)
    return all(
        float((own - each).abs().max()) <= exact.alone * largest
        and all(
            float((own - other).abs().max()) <= exact.elsewhere * largest
            for other in found[number :: len(alone)]
        )
        for number, (own, each) in enumerate(zip(found, alone, strict=False))
    )


def first_line_of_error(error: Exception) -> str:
    """Return the beginning of an error message, on one line."""
    return " ".join(str(error).split())[:100] or type(error).__name__
