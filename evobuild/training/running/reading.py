"""How a model that is tuned reads rows: how they are arranged in a micro-batch, and how it computes
log-probabilities.

Both are tried on the loaded model before its first step, as scoring does (`weights.probe`). TRL's head, which
makes no logits of tokens that are not labelled, is taken where it gives what the model's own logits give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

import torch

from evobuild.core.errors import UserError
from evobuild.training.running.job import UNLABELLED
from evobuild.weights.packing import can_pack, packed_attention, packed_layout
from evobuild.weights.probe import (
    REFUSALS,
    Choice,
    Exactness,
    Layout,
    choose_layout,
    first_line_of_error,
    is_sound,
    probe_documents,
)

FINE, ROUGH = Exactness(alone=1e-4, elsewhere=1e-5), Exactness(alone=0.05, elsewhere=0.01)
"""How near a row must come to itself alone, in fp32 and in half precision."""
COPIES = 2


class Micro(NamedTuple):
    """A micro-batch. inputs: what the model takes. lengths: of its rows, in their order."""

    inputs: dict[str, Any]
    lengths: list[int]


class Reading(NamedTuple):
    """How rows are read. is_fused: whether TRL's head is taken."""

    choice: Choice
    is_fused: bool

    @property
    def layout(self) -> Layout:
        """Return how rows are arranged in a micro-batch."""
        return self.choice.layout

    def line(self) -> str:
        """Say it."""
        return self.choice.line("the base") + ("" if self.is_fused else "; its loss is of all logits")


def inner(model: Any) -> Any:
    """Return the model itself, below an adapter."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def lay_out_rows(rows: Sequence[Mapping[str, torch.Tensor]], layout: Layout) -> Micro:
    """Lay rows of ids and labels out; padded ones end in tokens that are not labelled."""
    lengths = [len(row["input_ids"]) for row in rows]
    names = ("input_ids", "labels")
    if layout == "packed":
        made = {name: torch.cat([row[name] for row in rows])[None] for name in names}
        return Micro(made | packed_layout(lengths, torch.device("cpu")), lengths)
    pad: Any = torch.nn.utils.rnn.pad_sequence
    fills = (0, UNLABELLED)
    made = {
        name: pad([row[name] for row in rows], batch_first=True, padding_value=fill)
        for name, fill in zip(names, fills, strict=True)
    }
    return Micro(made, lengths)


def attention_of(model: Any, layout: Layout) -> AbstractContextManager[Any]:
    """Have a model attend within rows alone, inside."""
    return packed_attention(inner(model)) if layout == "packed" else nullcontext()


def token_log_probs(model: Any, inputs: Mapping[str, Any], is_fused: bool) -> torch.Tensor:
    """Compute log-probabilities of labels, from the second token: (B, T - 1) in nats, 0 without a label."""
    if is_fused:
        fused: torch.Tensor = model(**inputs, use_cache=False, fused_lm_head=True).log_probs
        return fused
    given = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**given, use_cache=False).logits[:, :-1]
    labels = inputs["labels"][:, 1:].to(logits.device)
    kept = labels != UNLABELLED
    found = -torch.nn.functional.cross_entropy(logits[kept].float(), labels[kept], reduction="none")
    placed: torch.Tensor = found.new_zeros(kept.shape).masked_scatter(kept, found)
    return placed


def probe_reading(model: Any, device: torch.device, is_rough: bool) -> Reading:
    """Try how a model reads rows. is_rough: it computes in half precision.

    Raises UserError if it reads none.
    """
    read = partial(_read, model, device)
    words = inner(model).config.get_text_config().vocab_size
    exact = ROUGH if is_rough else FINE
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            is_fused = _is_fused(read, probe_documents(words), exact)
            layouts: tuple[Layout, ...] = ("packed", "padded")
            possible = layouts if can_pack(inner(model)) else layouts[1:]
            choice = choose_layout(partial(read, is_fused), possible, words, lambda layout: COPIES, exact)
    except torch.OutOfMemoryError:
        raise
    except REFUSALS as error:
        raise UserError(
            f"the base cannot be trained: it reads no tokens ({first_line_of_error(error)})"
        ) from error
    finally:
        model.train(was_training)
    return Reading(choice, is_fused)


def _is_fused(read: Any, documents: Sequence[list[int]], exact: Exactness) -> bool:
    plain = [read(False, "alone", [each])[0] for each in documents]
    try:
        fused = [read(True, "alone", [each])[0] for each in documents]
    except REFUSALS:
        return False
    return is_sound(fused, plain, exact)


def _read(
    model: Any, device: torch.device, is_fused: bool, layout: Layout, documents: Sequence[list[int]]
) -> list[torch.Tensor]:
    """Compute the log-probabilities of documents of one micro-batch, except for the first token of each."""
    ids = [torch.tensor(each) for each in documents]
    nothing = torch.tensor([UNLABELLED])
    rows = [{"input_ids": each, "labels": torch.cat([nothing, each[1:]])} for each in ids]
    micro = lay_out_rows(rows, layout)
    given = {
        name: value.to(device) if isinstance(value, torch.Tensor) else value
        for name, value in micro.inputs.items()
    }
    with attention_of(model, layout):
        found = token_log_probs(model, given, is_fused).float()
    if layout != "packed":
        return [row[: length - 1] for row, length in zip(found, micro.lengths, strict=True)]
    starts = [end - length for end, length in zip(accumulate(micro.lengths), micro.lengths, strict=True)]
    return [found[0, start : start + length - 1] for start, length in zip(starts, micro.lengths, strict=True)]
