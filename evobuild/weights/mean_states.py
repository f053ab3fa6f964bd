"""What a causal language model makes of texts: the mean loss of each, and the mean of its last hidden states.

Texts of as many tokens are read together, without padding, so that a text is read as it is by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evobuild.core.errors import UserError, require

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

BATCH_TOKENS = 2048
"""Tokens that are read at once; a longer text is read alone."""


def read_mean_states(
    model: PreTrainedModel, documents: Sequence[Sequence[int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Read documents of token ids, at least one each.

    Returns losses_N, the mean nats of each document's tokens after its first, NaN if there are none, and
    states_N_H, the means over all its tokens of what the output layer is given.

    Raises UserError if a batch does not fit into memory.
    """
    torch = require("torch", "train")
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for place, document in enumerate(documents):
        by_length[len(document)].append(place)
    losses_N = np.empty(len(documents))
    states_N_H = np.empty((len(documents), model.config.get_text_config().hidden_size), np.float32)
    for length, places in sorted(by_length.items()):
        size = max(1, BATCH_TOKENS // length)
        for start in range(0, len(places), size):
            batch = places[start : start + size]
            ids_B_T = torch.tensor([list(documents[place]) for place in batch], device=model.device)
            try:
                losses_N[batch], states_N_H[batch] = _read(model, ids_B_T)
            except torch.OutOfMemoryError as error:
                raise UserError(
                    f"{len(batch)} texts of {length:,} tokens do not fit on the GPU; lower max_length"
                ) from error
    return losses_N, states_N_H


def _read(model: Any, ids_B_T: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Losses and mean states of documents of one length."""
    torch = require("torch", "train")
    with torch.inference_mode():
        found = model(input_ids=ids_B_T, output_hidden_states=True, use_cache=False)
        logits_B_V_T = found.logits[:, :-1].float().transpose(1, 2)
        losses_B_T = torch.nn.functional.cross_entropy(logits_B_V_T, ids_B_T[:, 1:], reduction="none")
        states_B_H = found.hidden_states[-1].float().mean(1)
        return losses_B_T.double().mean(1).cpu().numpy(), states_B_H.cpu().numpy()
