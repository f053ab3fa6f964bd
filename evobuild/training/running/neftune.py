"""NEFTune: noise on the embeddings of what is learnt from (Jain et al. 2023, arXiv:2310.05914).

A row of L tokens of H numbers gets noise from -a to a, evenly distributed, with a = alpha / √(L · H). L is
the row's own length, if rows are packed one after the other: what libraries add treats all of them as one.
The noise of a row is drawn by what it holds and by the step, not by what it shares a pass with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import accumulate
from typing import Any

from evobuild.core.errors import require


class Noise:
    """What adds it. alpha: 5 to 15 in the paper."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    @contextmanager
    def on(self, model: Any, ids_B_T: Any, lengths: Sequence[int], seed: tuple[int, int]) -> Iterator[None]:
        """Add noise to a model's embeddings inside.

        lengths: of rows, one after the other where ids have one row, else each at the beginning of its own.
        seed: of the training, and the step.
        """
        found = self._sample_noise(model.get_input_embeddings(), ids_B_T, lengths, seed)
        handle = model.get_input_embeddings().register_forward_hook(
            lambda module, given, output: output + found.to(output.device, output.dtype)
        )
        try:
            yield
        finally:
            handle.remove()

    def _sample_noise(
        self, embeddings: Any, ids_B_T: Any, lengths: Sequence[int], seed: tuple[int, int]
    ) -> Any:
        torch: Any = require("torch", "train")
        device, width = embeddings.weight.device, embeddings.weight.shape[1]
        rows, longest = ids_B_T.shape
        places = accumulate(lengths, initial=0) if rows == 1 else range(0, rows * longest, longest)
        ids, found = ids_B_T.flatten(), torch.zeros(rows * longest, width, device=device)
        for first, length in zip(places, lengths, strict=False):
            content = f"{seed} {ids[first : first + length].tolist()}".encode()
            draw = torch.Generator(device=device)
            draw.manual_seed(int.from_bytes(blake2b(content, digest_size=7).digest(), "big"))
            size = self.alpha / math.sqrt(length * width)
            noise = torch.rand(length, width, generator=draw, device=device)
            found[first : first + length] = (noise * 2 - 1) * size
        return found.view(rows, longest, width)
