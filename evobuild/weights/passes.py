"""Documents through a causal language model in forward passes of one size.

What a kernel computes of a row depends on how many rows it is given: few are multiplied in another order
than many, and the last numbers of a list go through other instructions than those before. So each pass has
the same number of tokens, and what documents leave of it is filled up. Then the states of a document have
the same bits whatever is read beside it or was read before, in any number of passes.

Documents are packed one after the other in one row, each attending to itself alone, where the model's
attention can be told where each one begins. Where it cannot they are padded at their ends. Both are tried on
the loaded model (`probe`): if a document has not the same bits at all places of a pass, documents are read
one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evobuild.core.errors import UserError, require
from evobuild.process.terminal import log
from evobuild.weights import packing, threads
from evobuild.weights.probe import PROBES, Choice, Exactness, Layout, choose_layout

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

TOKENS = {"cpu": 960, "cuda": 8192}
"""Of a pass: no more are any faster. 960 has many divisors: as many threads share its numbers evenly."""
STEP = 64
"""Widths of padded documents, and the sizes of passes of a longer one, are multiples of it."""


class Pass(NamedTuple):
    """The results of one pass over T tokens: ids (T); documents begin at starts.

    states (T, H): what the output layer is given. logits (T, V): of a model that is not taken apart.
    """

    places: list[int]
    starts: list[int]
    ids: torch.Tensor
    states: torch.Tensor | None
    logits: torch.Tensor | None


class Passes:
    """A loaded model that reads documents. head: its output layer; None: it is not taken apart.

    pack: put documents one after the other if the model supports it; layout is the arrangement.
    """

    def __init__(self, model: PreTrainedModel, pack: bool = True, with_states: bool = False) -> None:
        self._torch: Any = require("torch", "train")
        self._model: Any = model
        self._device = self._torch.device(model.device)
        self._tokens = TOKENS.get(self._device.type, TOKENS["cuda"])
        self._with_states = with_states
        self._decoder: Any = None
        self.head: Callable[[torch.Tensor], torch.Tensor] | None = None
        self.layout: Layout = "alone"
        with self._torch.inference_mode(), threads.threads_of(model):
            self._split()
            choice = self._choose_layout(pack and packing.can_pack(model))
        self.layout = choice.layout
        if choice.reasons:
            log(choice.line(f"'{model.name_or_path}'"))

    def read(self, documents: Sequence[Sequence[int]]) -> Iterator[Pass]:
        """Read documents of token ids, at least one each; the longest first.

        Raises UserError if a pass does not fit into memory.
        """
        for places in self._group_documents([len(document) for document in documents]):
            some = [documents[place] for place in places]
            try:
                with self._torch.inference_mode(), threads.threads_of(self._model):
                    read = self._read(some)
            except self._torch.OutOfMemoryError as error:
                raise UserError(
                    f"{max(self._tokens, len(some[0])):,} tokens at once do not fit on the GPU; "
                    "lower max_length, or choose a smaller model"
                ) from error
            yield read._replace(places=places)

    def _group_documents(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Yield the positions of documents that share a pass, the longest first."""
        if self.layout == "packed":
            yield from choose_fitting(lengths, self._tokens)
            return
        order = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
        for width, run in groupby(order, lambda place: _round_up(lengths[place])):
            alike, size = list(run), 1 if self.layout == "alone" else max(1, self._tokens // width)
            yield from (alike[start : start + size] for start in range(0, len(alike), size))

    def _read(self, documents: Sequence[Sequence[int]]) -> Pass:
        """Read documents in one pass."""
        lengths = [len(document) for document in documents]
        if self.layout == "packed":
            starts = np.cumsum([0, *lengths])
            total = _round_up(int(starts[-1])) if lengths[0] > self._tokens else self._tokens
            ids = [token for document in documents for token in document]
            if fill := total - len(ids):
                ids += [0] * fill
                # A model may have no more positions than its longest text.
                lengths += [min(STEP, fill - first) for first in range(0, fill, STEP)]
            rows = 1
        else:
            width = lengths[0] if self.layout == "alone" else _round_up(lengths[0])
            rows = 1 if self.layout == "alone" else max(1, self._tokens // width)
            starts = np.arange(len(documents)) * width
            ids = [token for document in documents for token in [*document, *[0] * (width - len(document))]]
            ids += [0] * (rows * width - len(ids))
        ids_B_T = self._torch.tensor(ids).view(rows, -1)
        states, logits = self._forward(ids_B_T.to(self._device), lengths)
        flat = (each if each is None else each.flatten(0, 1) for each in (states, logits))
        return Pass([], starts[: len(documents)].tolist(), ids_B_T.flatten(), *flat)

    def _forward(
        self, ids_B_T: torch.Tensor, lengths: list[int]
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Compute states, or logits of a model that cannot be split, and states if requested."""
        packs = self.layout == "packed"
        extra: dict[str, Any] = packing.packed_layout(lengths, self._device) if packs else {}
        with packing.packed_attention(self._model) if packs else _nothing():
            if self.head:
                return self._decoder(input_ids=ids_B_T, use_cache=False, **extra).last_hidden_state, None
            if self._with_states:
                extra["output_hidden_states"] = True
            found = self._model(input_ids=ids_B_T, use_cache=False, **extra)
            return found.hidden_states[-1] if self._with_states else None, found.logits

    def _split(self) -> None:
        """Take the model apart into decoder and output layer, if they alone make its logits."""
        head = self._model.get_output_embeddings()
        decoder = getattr(self._model, "base_model", self._model)
        if head is None or decoder is self._model:
            return
        ids_1_T = self._torch.arange(max(PROBES), device=self._device)[None]
        whole = self._model(input_ids=ids_1_T, use_cache=False).logits
        state = decoder(input_ids=ids_1_T, use_cache=False)
        # Some scale or cap their logits, or have a layer before the head; others have no such state.
        with suppress(RuntimeError):
            if hasattr(state, "last_hidden_state") and self._torch.equal(
                head(state.last_hidden_state), whole
            ):
                self._decoder, self.head = decoder, head

    def _choose_layout(self, pack: bool) -> Choice:
        """Take the first layout in which a document has the same bits at any place of a pass."""
        layouts: tuple[Layout, ...] = ("packed", "padded")
        words = self._model.config.get_text_config().vocab_size
        rough = self._model.dtype != self._torch.float32
        exact = Exactness(alone=0.05 if rough else 1e-3, elsewhere=0.0)
        return choose_layout(self._probe, layouts if pack else layouts[1:], words, self._copies, exact)

    def _copies(self, layout: Layout) -> int:
        return self._tokens // (sum(PROBES) if layout == "packed" else STEP * len(PROBES))

    def _probe(self, layout: Layout, documents: list[list[int]]) -> list[torch.Tensor]:
        """Compute the results of each document in one pass, in fp32."""
        self.layout = layout
        read = self._read(documents)
        made = read.logits if read.states is None else read.states
        assert made is not None
        return [
            made[start : start + len(each)].float()
            for start, each in zip(read.starts, documents, strict=True)
        ]


def choose_fitting(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Choose documents up to a number of tokens: the longest one left, and others that fit.

    Instance: lengths 5, 9, 2, 4 and 11 tokens -> [1, 2], [0, 3]. A longer document is by itself.
    """
    left = sorted(range(len(lengths)), key=lambda place: (lengths[place], -place))
    sizes = [lengths[place] for place in left]
    while left:
        room, some = max(tokens, sizes[-1]), []
        while fitting := bisect_right(sizes, room):
            room -= sizes.pop(fitting - 1)
            some.append(left.pop(fitting - 1))
        yield some


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _round_up(length: int) -> int:
    """Round a length up to the next multiple of STEP."""
    return -(-length // STEP) * STEP
