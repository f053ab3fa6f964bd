"""Losses of documents under a causal language model: no padding, and no logits that nobody asked for.

Documents are read in passes of one size (`passes`). The output layer sees only the positions whose next
token is wanted, as many at a time each time, and losses are taken in fp32 whatever the model computes in.
So a loss has the same bits whatever is read beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evobuild.core.errors import require
from evobuild.weights import threads
from evobuild.weights.passes import Pass, Passes
from evobuild.weights.probe import Layout

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

CHUNK = {"cpu": 1 << 22, "cuda": 1 << 28}
"""Logits at a time: 16 MB on a CPU, which its cache holds, 1 GB on a GPU."""
LEAST = 64
"""Positions that the output layer sees at a time at least."""


class Document(NamedTuple):
    """Token ids that are read by themselves, and the stretches of them whose mean loss is wanted.

    A stretch is (first, end), first at least 1: nothing predicts the first token.
    """

    ids: Sequence[int]
    spans: tuple[tuple[int, int], ...]


class Targets(NamedTuple):
    """Token ids that are read by themselves, and tokens whose probability is wanted: (position, token) each.

    A position is that of the token before: several may be asked for at one. Instance: ids [5, 9] and
    (1, 7), (1, 8): how probable 7 is after 5, 9, and how probable 8 is there.
    """

    ids: Sequence[int]
    wanted: tuple[tuple[int, int], ...]


class Reader:
    """A loaded model that reads documents, as `Passes` does."""

    def __init__(self, model: PreTrainedModel, pack: bool = True, with_states: bool = False) -> None:
        self._torch: Any = require("torch", "train")
        self._model = model
        self._device = self._torch.device(model.device)
        self._passes = Passes(model, pack, with_states)
        fitting = CHUNK.get(self._device.type, CHUNK["cuda"]) // model.config.get_text_config().vocab_size
        self._chunk = max(LEAST, fitting // LEAST * LEAST)

    @property
    def layout(self) -> Layout:
        """Return how documents are arranged in a pass."""
        return self._passes.layout

    @property
    def packs(self) -> bool:
        """Return whether documents are packed one after the other in one row."""
        return self.layout == "packed"

    @property
    def is_split(self) -> bool:
        """Return whether decoder and output layer are called separately, to compute wanted logits only."""
        return self._passes.head is not None

    def read(self, documents: Sequence[Document]) -> Iterator[tuple[int, tuple[float, ...]]]:
        """Yield each document's position and the mean loss of its spans, in nats; the longest first.

        An empty span has a loss of 0. Raises UserError if a pass does not fit into memory.
        """
        for read in self._passes.read([document.ids for document in documents]):
            yield from zip(read.places, self._means(read, documents), strict=True)

    def read_states(
        self, documents: Sequence[Document]
    ) -> Iterator[tuple[int, tuple[float, ...], np.ndarray]]:
        """Give with the losses of `read` the mean of what the output layer is given of all its tokens.

        That mean has as many numbers as the model is wide.
        """
        for read in self._passes.read([document.ids for document in documents]):
            assert read.states is not None
            found = zip(read.places, read.starts, self._means(read, documents), strict=True)
            for place, start, means in found:
                own_L_H = read.states[start : start + len(documents[place].ids)]
                yield place, means, own_L_H.double().mean(0).float().cpu().numpy()

    def read_targets(self, documents: Sequence[Targets]) -> Iterator[tuple[int, list[tuple[float, float]]]]:
        """Give each document's place and, of each wanted token, its log-probability and the greatest there.

        In nats; the longest first. Raises UserError if a pass does not fit into memory.
        """
        for read in self._passes.read([document.ids for document in documents]):
            found = list(zip(read.places, read.starts, strict=True))
            where = [start + position for place, start in found for position, _ in documents[place].wanted]
            tokens = [token for place, _ in found for _, token in documents[place].wanted]
            with self._torch.inference_mode(), threads.threads_of(self._model):
                losses_N_2 = self._losses(read, np.asarray(where, np.int64), np.asarray(tokens, np.int64))
            own = iter((-loss, -least) for loss, least in losses_N_2.tolist())
            for place in read.places:
                yield place, list(islice(own, len(documents[place].wanted)))

    def _means(self, read: Pass, documents: Sequence[Document]) -> list[tuple[float, ...]]:
        """Compute the mean loss of each span of the documents of a pass."""
        # Position t predicts token t + 1.
        spans = [
            np.arange(start + first - 1, start + end - 1)
            for place, start in zip(read.places, read.starts, strict=True)
            for first, end in documents[place].spans
        ]
        where = np.concatenate([*spans, np.zeros(0, np.int64)])
        losses: list[float] = []
        if len(where):
            with self._torch.inference_mode(), threads.threads_of(self._model):
                losses = self._losses(read, where, read.ids.numpy()[where + 1])[:, 0].tolist()
        own = iter(losses)
        means = (math.fsum(islice(own, len(span))) / max(1, len(span)) for span in spans)
        return [tuple(islice(means, len(documents[place].spans))) for place in read.places]

    def _losses(self, read: Pass, where: np.ndarray, targets: np.ndarray) -> torch.Tensor:
        """Compute the loss of the token after each of N positions of a pass, and the least there, in nats.

        (N, 2), and some more behind them.
        """
        size = min(self._chunk, len(read.ids))
        padding = (0, -len(where) % size)
        where_N = self._torch.from_numpy(np.pad(where, padding))
        targets_N = self._torch.from_numpy(np.pad(targets, padding)).to(self._device)
        chunks = zip(where_N.to(self._device).split(size), targets_N.split(size), strict=True)
        found = [_cross_entropy(self._logits(read, where_C), targets_C) for where_C, targets_C in chunks]
        return self._torch.cat(found)

    def _logits(self, read: Pass, where_C: torch.Tensor) -> torch.Tensor:
        if read.logits is not None:
            return read.logits[where_C]
        assert read.states is not None and self._passes.head is not None
        return self._passes.head(read.states[where_C])


def _cross_entropy(logits_C_V: torch.Tensor, targets_C: torch.Tensor) -> torch.Tensor:
    """Compute -log softmax at the targets, and the least of all, in fp32: (C, 2); may overwrite the
    logits.
    """
    logits_C_V = logits_C_V.float()
    wanted_C = logits_C_V.gather(1, targets_C[:, None])[:, 0]
    most_C = logits_C_V.amax(1)
    least_C = logits_C_V.sub_(most_C[:, None]).exp_().sum(1).log_()
    torch_: Any = require("torch", "train")
    losses_C_2: torch.Tensor = torch_.stack((least_C + (most_C - wanted_C), least_C), 1)
    return losses_C_2
