"""What a causal language model makes of texts: the mean loss and the mean of the last states of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from evobuild.weights.likelihood import Document, Reader

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def read_mean_states(
    model: PreTrainedModel, documents: Sequence[Sequence[int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Read documents of token ids, at least one each.

    Returns losses_N, the mean nats of each document's tokens after its first, NaN without any, and
    states_N_H, the means over all its tokens of what the output layer is given.

    Raises UserError if a pass does not fit into memory.
    """
    losses_N = np.empty(len(documents))
    states_N_H = np.empty((len(documents), model.config.get_text_config().hidden_size), np.float32)
    reader = Reader(model, with_states=True)
    for place, (loss,), state_H in reader.read_states([Document(ids, ((1, len(ids)),)) for ids in documents]):
        losses_N[place] = loss if len(documents[place]) > 1 else math.nan
        states_N_H[place] = state_H
    return losses_N, states_N_H
