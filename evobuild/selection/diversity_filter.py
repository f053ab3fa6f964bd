"""The greedy choice: rows in order of worth, each skipped that is too near to one already kept.

After DEITA's filter (Liu et al. 2024, arXiv:2312.15685), whose script skips above a cosine similarity
of 0.9. It compares each row with all that are kept, so its time grows with rows times rows kept.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def choose(
    vectors_N_D: np.ndarray, similarity: float, parts_N: np.ndarray, quotas: Mapping[int, int]
) -> Choice:
    """Keep rows in the order given until each part has its quota.

    vectors_N_D: embeddings, any length. similarity: cosine similarity from which a row is too near to a
    kept one. parts_N: the part of the mixture that a row counts for; one without a quota has no bound.
    """
    vectors_N_D = unit(vectors_N_D)
    rows = len(vectors_N_D)
    choice = Choice(np.zeros(rows, bool), np.full(rows, -1), np.zeros(rows))
    kept, left = _Kept(vectors_N_D.shape), dict(quotas)
    for start in range(0, rows, BLOCK):
        if not any(left.get(part, 1) for part in np.unique(parts_N[start:]).tolist()):
            break
        block_B_D = vectors_N_D[start : start + BLOCK]
        own_B = _block(
            choice, start, block_B_D, kept.nearest(block_B_D), similarity - ROUNDING, parts_N, left
        )
        kept.add(block_B_D[own_B], start + np.flatnonzero(own_B))
    return choice


def _block(
    choice: Choice,
    start: int,
    block_B_D: np.ndarray,
    nearest: tuple[np.ndarray, np.ndarray],
    bound: float,
    parts_N: np.ndarray,
    left: dict[int, int],
) -> np.ndarray:
    """Go through one block, note in `choice` and `left` what becomes of it, and give which rows are kept."""
    best_B, place_B = nearest
    among_B_B = block_B_D @ block_B_D.T
    for at, part in enumerate(parts_N[start : start + len(block_B_D)].tolist()):
        if not left.get(part, 1):
            continue
        row = start + at
        if best_B[at] >= bound:
            choice.near[row], choice.similarity[row] = place_B[at], best_B[at]
            continue
        choice.kept[row] = True
        if part in left:
            left[part] -= 1
        nearer_B = among_B_B[at] > best_B
        best_B[nearer_B], place_B[nearer_B] = among_B_B[at][nearer_B], row
    kept_B: np.ndarray = choice.kept[start : start + len(block_B_D)]
    return kept_B


def unit(vectors_N_D: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1; one of zeros stays as it is."""
    length_N = np.linalg.norm(vectors_N_D, axis=1, keepdims=True)
    scaled_N_D: np.ndarray = (vectors_N_D / np.where(length_N == 0, 1, length_N)).astype(np.float32)
    return scaled_N_D
