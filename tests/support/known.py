"""A language model whose logits are known by hand."""

from __future__ import annotations

from types import SimpleNamespace
from unittest import mock

import torch

from evobuild.weights.likelihood import Reader
from evobuild.weights.probe import Choice

V = 50


class Known:
    """A model that gives `share` of the probability to the true next token, the rest evenly to the others."""

    device, dtype = torch.device("cpu"), torch.float32
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(vocab_size=V))

    def __init__(self, share: float) -> None:
        self.share = share
        self.seen: list[torch.Tensor] = []

    def get_output_embeddings(self) -> None:
        """It cannot be taken apart."""

    def parameters(self) -> list[torch.Tensor]:
        """It has none."""
        return []

    def __call__(self, input_ids, use_cache):
        self.seen.append(input_ids)
        probabilities_B_T_V = torch.full((*input_ids.shape, V), (1 - self.share) / (V - 1))
        following = input_ids.roll(-1, 1).unsqueeze(2)
        probabilities_B_T_V.scatter_(2, following, self.share)
        return SimpleNamespace(logits=probabilities_B_T_V.log())


def read_known(model: Known) -> Reader:
    """Make a reader, one by one, of a model that sees the next token, as no causal model does."""
    with mock.patch("evobuild.weights.passes.choose_layout", return_value=Choice("alone")):
        return Reader(model)
