"""Losses of documents under a causal language model: no padding, and no logits that nobody asked for.

Documents of like length are read together. Where the model's attention can be told where each one
begins, they stand one after the other in one row, each attending to itself alone; where it cannot,
they are padded at their ends, where a causal model does not see it from the tokens that count. The
output layer sees only the positions whose next token is wanted, a chunk at a time, and losses are
taken in fp32 whatever the model computes in. So a loss does not depend on what it is batched with.

Both short cuts are tried on the loaded model first and taken only if they give what it gives itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evobuild.core.errors import UserError, require
from evobuild.weights import packing

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

CHUNK = {"cpu": 1 << 22, "cuda": 1 << 28}
"""Logits at a time: 16 MB on a CPU, which its cache holds, 1 GB on a GPU."""
SLACK = 8
"""A padded batch ends where a document is shorter than the longest by more than this part of it …"""
ENOUGH = 512
"""… if it has so many tokens already: more make it no faster."""
PROBES = (5, 3, 7)
"""Lengths of the documents that short cuts are tried on."""


class Document(NamedTuple):
    """Token ids that are read by themselves, and the stretches of them whose mean loss is wanted.

    A stretch is (first, end), first at least 1: nothing predicts the first token.
    """

    ids: Sequence[int]
    spans: tuple[tuple[int, int], ...]


class Reader:
    """A loaded model that reads documents.

    batch_tokens: tokens per forward pass, padding included; a longer document is read alone. pack: stand
    documents one after the other in one row if the model can; packs tells whether they do.
    """

    def __init__(self, model: PreTrainedModel, batch_tokens: int, pack: bool = True) -> None:
        self._torch: Any = require("torch", "train")
        self._model: Any = model
        self._device = self._torch.device(model.device)
        self._budget = batch_tokens
        self._chunk = CHUNK.get(self._device.type, CHUNK["cuda"])
        self._decoder: Any = None
        self._head: Callable[[torch.Tensor], torch.Tensor] | None = None
        self.packs = False
        with self._torch.inference_mode():
            self._split()
            self.packs = pack and packing.can_pack(model) and self._isolates()

    @property
    def is_split(self) -> bool:
        """Whether decoder and output layer are called apart, the latter for the wanted positions alone."""
        return self._head is not None

    def read(self, documents: Sequence[Document]) -> Iterator[tuple[int, tuple[float, ...]]]:
        """Give each document's place and the mean loss of its spans, in nats; the longest first.

        An empty span has a loss of 0. Raises UserError if a batch does not fit into memory.
        """
        order = sorted(range(len(documents)), key=lambda place: (-len(documents[place].ids), place))
        for places in self._batches(documents, order):
            some = [documents[place] for place in places]
            try:
                with self._torch.inference_mode():
                    found = self._means(some)
            except self._torch.OutOfMemoryError as error:
                raise UserError(
                    f"{len(some)} texts of up to {len(some[0].ids):,} tokens do not fit on the GPU; "
                    "lower batch_tokens or max_length"
                ) from error
            yield from zip(places, found, strict=True)

    def _batches(self, documents: Sequence[Document], order: Sequence[int]) -> Iterator[list[int]]:
        batch: list[int] = []
        tokens = 0
        for place in order:
            length = len(documents[place].ids)
            if self.packs:
                full = tokens + length > self._budget
            else:
                width = len(documents[batch[0]].ids) if batch else length
                tokens = len(batch) * width
                full = tokens + width > self._budget or (
                    tokens >= ENOUGH and (width - length) * SLACK > width
                )
            if batch and full:
                yield batch
                batch, tokens = [], 0
            batch.append(place)
            tokens += length
        if batch:
            yield batch

    def _means(self, documents: Sequence[Document]) -> list[tuple[float, ...]]:
        """The mean loss of each span of documents that are read together."""
        ids: list[int] = []
        positions, sizes = [], []
        width = 1 if self.packs else max(len(document.ids) for document in documents)
        for number, document in enumerate(documents):
            start = len(ids) if self.packs else number * width
            ids += document.ids
            ids += [0] * (0 if self.packs else width - len(document.ids))
            for first, end in document.spans:
                # Position t predicts token t + 1.
                positions.append(np.arange(start + first - 1, start + end - 1))
                sizes.append(end - first)
        where = np.concatenate([*positions, np.zeros(0, np.int64)])
        ids_B_T = self._torch.tensor(ids).view(1 if self.packs else len(documents), -1)
        losses = self._losses(ids_B_T, [len(document.ids) for document in documents], where)
        means = iter(_means(losses, sizes))
        return [tuple(next(means) for _ in document.spans) for document in documents]

    def _losses(self, ids_B_T: torch.Tensor, lengths: list[int], where: np.ndarray) -> np.ndarray:
        """The loss of the token after each of N positions of a batch, in nats."""
        torch = self._torch
        where_N = torch.from_numpy(where)
        targets_N = ids_B_T.flatten()[where_N + 1].to(self._device)
        states_B_T_H = self._states(ids_B_T.to(self._device), lengths)
        states_N_H = states_B_T_H.flatten(0, 1)[where_N.to(self._device)]
        del states_B_T_H
        size = max(1, self._chunk // self._model.config.get_text_config().vocab_size)
        found = [
            _cross_entropy(self._head(states_C_H) if self._head else states_C_H, targets_C)
            for states_C_H, targets_C in zip(states_N_H.split(size), targets_N.split(size), strict=True)
        ]
        losses: np.ndarray = torch.cat(found).cpu().numpy().astype(np.float64)
        return losses

    def _states(self, ids_B_T: torch.Tensor, lengths: list[int]) -> torch.Tensor:
        """What the output layer is given; of a model that is not taken apart, the logits."""
        extra: dict[str, Any] = packing.packed_layout(lengths, self._device) if self.packs else {}
        with packing.packed_attention(self._model) if self.packs else _nothing():
            if self.is_split:
                states: torch.Tensor = self._decoder(
                    input_ids=ids_B_T, use_cache=False, **extra
                ).last_hidden_state
            else:
                states = self._model(input_ids=ids_B_T, use_cache=False, **extra).logits
        return states

    def _split(self) -> None:
        """Take the model apart into decoder and output layer, if they alone make its logits."""
        head = self._model.get_output_embeddings()
        decoder = getattr(self._model, "base_model", self._model)
        if head is None or decoder is self._model:
            return
        ids_1_T = self._torch.arange(max(PROBES), device=self._device)[None]
        whole = self._states(ids_1_T, [])
        state = decoder(input_ids=ids_1_T, use_cache=False)
        # Some scale or cap their logits; an encoder-decoder has no last hidden state.
        if hasattr(state, "last_hidden_state") and self._torch.equal(head(state.last_hidden_state), whole):
            self._decoder, self._head = decoder, head

    def _isolates(self) -> bool:
        """Whether documents in one row are read as each is by itself."""
        torch = self._torch
        draw = np.random.default_rng(0)
        ids = [torch.from_numpy(draw.integers(0, 99, size)).to(self._device) for size in PROBES]
        alone = torch.cat([self._states(each[None], [])[0] for each in ids]).float()
        self.packs = True
        try:
            packed = self._states(torch.cat(ids)[None], list(PROBES))[0].float()
        except (NotImplementedError, RuntimeError, TypeError, ValueError):
            # What the model asks of its attention, or its device or dtype, is more than ours does.
            return False
        rough = self._model.dtype != torch.float32
        return bool((packed - alone).abs().max() <= (0.05 if rough else 1e-3) * alone.abs().max())


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _cross_entropy(logits_C_V: torch.Tensor, targets_C: torch.Tensor) -> torch.Tensor:
    """-log softmax at the targets, in fp32; the logits may be overwritten."""
    logits_C_V = logits_C_V.float()
    wanted_C = logits_C_V.gather(1, targets_C[:, None])[:, 0]
    most_C = logits_C_V.amax(1)
    return logits_C_V.sub_(most_C[:, None]).exp_().sum(1).log_() + (most_C - wanted_C)


def _means(losses: np.ndarray, sizes: Sequence[int]) -> list[float]:
    """Means of stretches of losses that follow one another; 0 of an empty one."""
    ends = np.cumsum(sizes)
    return [
        float(losses[end - size : end].mean()) if size else 0.0
        for end, size in zip(ends.tolist(), sizes, strict=True)
    ]
