"""Next tokens for a batch of rows: greedy or drawn, in tensor operations over all rows at once.

Temperature first, then top-p, then the first token whose cumulative probability passes a uniform
number. That number depends on the row's own request and position alone, so a draw does not depend
on which rows share the batch. Tokens as probable as the least of the nucleus belong to it: which of
equals comes first is chance.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any

from evobuild.core.chat import Request, Sampling

GREEDY_BELOW = 1e-5
"""Temperature; what vLLM takes for greedy."""

NUCLEUS = 1024
"""Tokens looked at first for the nucleus: far fewer to order than a vocabulary, and mostly enough."""


def noise_seed(request: Request) -> int:
    """Seed one stream of noise per prompt and seed: rows that share a seed would share its noise."""
    text = repr((request.messages, request.sampling.seed)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big")


def uniforms(request: Request, number: int, start: int, count: int) -> list[float]:
    """Give the numbers in [0, 1) that decide a choice's tokens: `count` of them from position `start` on."""
    text = repr((request.messages, request.sampling.seed, number)).encode("utf-8", "surrogatepass")
    stream = random.Random(hashlib.blake2b(text, digest_size=8).digest())
    return [stream.random() for _ in range(start + count)][start:]


class Draw:
    """A logits processor that leaves each row its own next token, and keeps the log-probabilities asked for.

    uniforms_B_T: per row as many numbers in [0, 1) as tokens may be made.
    """

    def __init__(
        self, torch: Any, samplings: Sequence[Sampling], uniforms_B_T: Sequence[Sequence[float]], device: Any
    ) -> None:
        self._torch = torch
        self._step = 0
        self._best = max(sampling.logprobs for sampling in samplings)
        self._told_B = [sampling.logprobs > 0 for sampling in samplings]
        self._told_L = torch.tensor(_where(self._told_B), dtype=torch.long, device=device)
        self._kept: list[Any] = []
        self._kept_ids: list[Any] = []
        drawn = _where([sampling.temperature >= GREEDY_BELOW for sampling in samplings])
        self._drawn_S = torch.tensor(drawn, dtype=torch.long, device=device)
        self._uniforms_S_T = torch.tensor(
            [uniforms_B_T[place] for place in drawn], dtype=torch.float64, device=device
        )
        self._temperatures_S = torch.tensor([samplings[place].temperature for place in drawn], device=device)
        nuclear = _where([samplings[place].top_p < 1 for place in drawn])
        self._nuclear_P = torch.tensor(nuclear, dtype=torch.long, device=device)
        self._top_p_P = torch.tensor([samplings[drawn[place]].top_p for place in nuclear], device=device)

    @property
    def idle(self) -> bool:
        """Every row is greedy and none wants log-probabilities: the logits decide as they are."""
        return not (len(self._drawn_S) or len(self._told_L))

    def __call__(self, ids_B_T: Any, scores_B_V: Any) -> Any:
        """Give scores of 1 for each row's next token and 0 for all others."""
        next_B = scores_B_V.argmax(-1)
        if len(self._drawn_S):
            next_B[self._drawn_S] = self._draws(scores_B_V[self._drawn_S])
        if len(self._told_L):
            logprobs_L_V = scores_B_V[self._told_L].log_softmax(-1)
            next_L_1 = next_B[self._told_L, None]
            own_L_1 = logprobs_L_V.gather(1, next_L_1)
            best_L_K, ids_L_K = logprobs_L_V.topk(min(self._best, logprobs_L_V.shape[-1]))
            self._kept.append(self._torch.cat([own_L_1, best_L_K], 1))
            self._kept_ids.append(self._torch.cat([next_L_1, ids_L_K], 1))
        self._step += 1
        return self._torch.zeros_like(scores_B_V).scatter_(1, next_B[:, None], 1.0)

    def logprobs(self) -> list[list[list[float]]]:
        """Per row and step the next token's log-probability, then the best, best first; none if not asked."""
        return self._of_rows(self._kept)

    def tokens(self) -> list[list[list[int]]]:
        """Get the ids of the tokens of `logprobs`, in the same order."""
        return self._of_rows(self._kept_ids)

    def _of_rows(self, kept: list[Any]) -> list[list[list[Any]]]:
        if not kept:
            return [[] for _ in self._told_B]
        rows = iter(self._torch.stack(kept, 1).tolist())
        return [next(rows) if told else [] for told in self._told_B]

    def _draws(self, scores_S_V: Any) -> Any:
        probabilities_S_V = (scores_S_V / self._temperatures_S[:, None]).softmax(-1)
        if len(self._nuclear_P):
            probabilities_S_V[self._nuclear_P] = self._nucleus(probabilities_S_V[self._nuclear_P])
        sums_S_V = probabilities_S_V.cumsum(-1, dtype=self._torch.float64)
        reached_S_1 = self._uniforms_S_T[:, self._step, None] * sums_S_V[:, -1:]
        found_S_1 = self._torch.searchsorted(sums_S_V, reached_S_1, right=True)
        return found_S_1[:, 0].clamp_max(sums_S_V.shape[-1] - 1)

    def _nucleus(self, probabilities_P_V: Any) -> Any:
        size = probabilities_P_V.shape[-1]
        for width in (min(NUCLEUS, size), size):
            best_P_K = probabilities_P_V.topk(width).values
            inside_P_K = best_P_K.cumsum(-1) - best_P_K < self._top_p_P[:, None]
            if not inside_P_K[:, -1].any():
                break
        least_P_1 = best_P_K.masked_fill(~inside_P_K, 1.0).amin(-1, keepdim=True)
        return probabilities_P_V.where(probabilities_P_V >= least_P_1, 0.0)


def _where(flags: Sequence[bool]) -> list[int]:
    return [place for place, flag in enumerate(flags) if flag]
