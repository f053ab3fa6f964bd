"""The diversity filter: rows in order of worth, each skipped that is too near to one already kept.

After that of DEITA (Liu et al. 2024, arXiv:2312.15685), whose script skips above a cosine similarity
of 0.9. It compares each row with all that are kept, so its time grows with rows times rows kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

BLOCK = 1024
"""Rows held against all that are kept at a time."""
SLICE = 16 * BLOCK
"""Kept rows that a block is held against at a time."""
ROUNDING = 1e-6
"""By how much the similarity of a vector to itself may miss 1 in single precision."""


class Choice(NamedTuple):
    """What became of each row, in the order given.

    near: place of the kept row that a row is too near to, else -1; similarity: to that one. A row that is
    neither kept nor too near came when its part was full.
    """

    kept: np.ndarray
    near: np.ndarray
    similarity: np.ndarray


class _Kept:
    """The vectors kept so far, and their places."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._vectors_K_D = np.empty(shape, np.float32)
        self._places_K = np.empty(shape[0], np.int64)
        self._count = 0

    def add(self, vectors_K_D: np.ndarray, places_K: np.ndarray) -> None:
        end = self._count + len(places_K)
        self._vectors_K_D[self._count : end] = vectors_K_D
        self._places_K[self._count : end] = places_K
        self._count = end

    def nearest(self, block_B_D: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The highest similarity of each row to a kept one, -2 if there is none, and where that one is."""
        best_B = np.full(len(block_B_D), -2.0, np.float32)
        place_B = np.full(len(block_B_D), -1)
        for start in range(0, self._count, SLICE):
            found_B_S = block_B_D @ self._vectors_K_D[start : min(start + SLICE, self._count)].T
            at_B = found_B_S.argmax(axis=1)
            top_B = found_B_S[np.arange(len(at_B)), at_B]
            better_B = top_B > best_B
            best_B[better_B] = top_B[better_B]
            place_B[better_B] = self._places_K[at_B[better_B] + start]
        return best_B, place_B


class _Filter:
    """The choice as it grows. left: rows that each part may still give, by part; without one any number."""

    def __init__(self, shape: tuple[int, ...], bound: float, quotas: Mapping[int, int]) -> None:
        rows = shape[0]
        self.choice = Choice(np.zeros(rows, bool), np.full(rows, -1), np.zeros(rows))
        self._bound = bound
        self._left = dict(quotas)
        self._kept = _Kept(shape)

    def is_open(self, part: int) -> bool:
        """Whether a part may give more rows."""
        return self._left.get(part, 1) > 0

    def take(self, start: int, block_B_D: np.ndarray, parts_B: Sequence[int]) -> None:
        """Go through a block in its order. start: the place of its first row."""
        best_B, place_B = self._kept.nearest(block_B_D)
        among_B_B = block_B_D @ block_B_D.T
        own_B = np.zeros(len(block_B_D), bool)
        for at, part in enumerate(parts_B):
            if not self.is_open(part):
                continue
            if best_B[at] >= self._bound:
                self.choice.near[start + at] = place_B[at]
                self.choice.similarity[start + at] = best_B[at]
                continue
            own_B[at] = True
            if part in self._left:
                self._left[part] -= 1
            # Rows further down may be nearer to this one than to those of the blocks before.
            nearer_B = among_B_B[at] > best_B
            best_B[nearer_B], place_B[nearer_B] = among_B_B[at][nearer_B], start + at
        self.choice.kept[start : start + len(own_B)] = own_B
        self._kept.add(block_B_D[own_B], start + np.flatnonzero(own_B))


def choose_diverse(
    vectors_N_D: np.ndarray, similarity: float, parts_N: np.ndarray, quotas: Mapping[int, int]
) -> Choice:
    """Keep rows in the order given until each part has its quota.

    vectors_N_D: embeddings, any length. similarity: cosine similarity from which a row is too near to a
    kept one. parts_N: the part of the mixture that a row counts for; one without a quota has no bound.
    """
    vectors_N_D = scale_to_length_1(vectors_N_D)
    filtered = _Filter(vectors_N_D.shape, similarity - ROUNDING, quotas)
    for start in range(0, len(vectors_N_D), BLOCK):
        if not any(filtered.is_open(part) for part in np.unique(parts_N[start:]).tolist()):
            break
        filtered.take(start, vectors_N_D[start : start + BLOCK], parts_N[start : start + BLOCK].tolist())
    return filtered.choice


def scale_to_length_1(vectors_N_D: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1; one of zeros stays as it is."""
    length_N = np.linalg.norm(vectors_N_D, axis=1, keepdims=True)
    scaled_N_D: np.ndarray = (vectors_N_D / np.where(length_N == 0, 1, length_N)).astype(np.float32)
    return scaled_N_D
