"""Filter rows for diversity: in order of rank, skip each row that is too similar to one already kept.

After DEITA (Liu et al. 2024, arXiv:2312.15685), whose script skips above a cosine similarity of 0.9. Each row
is compared with all kept rows, so the time grows with rows times kept rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

BLOCK = 1024
"""Rows compared with all kept rows together."""
SLICE = 16 * BLOCK
"""Kept rows that a block is compared with at a time, to bound memory."""
ROUNDING = 1e-6
"""Tolerance for the similarity of a vector to itself in single precision."""


class Choice(NamedTuple):
    """The result for each row, in the order given.

    near: position of the kept row that a row is too similar to, else -1; similarity: to that row. A row that
    is neither kept nor too similar came after its part was full.
    """

    kept: np.ndarray
    near: np.ndarray
    similarity: np.ndarray


class _Kept:
    """The vectors of kept rows, and their positions."""

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
        """Return the highest similarity of each row to a kept one, -2 without any, and its position."""
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
    """The filter's state. left: by part, rows that it may still keep; parts without an entry are
    unlimited.
    """

    def __init__(self, shape: tuple[int, ...], bound: float, quotas: Mapping[int, int]) -> None:
        rows = shape[0]
        self.choice = Choice(np.zeros(rows, bool), np.full(rows, -1), np.zeros(rows))
        self._bound = bound
        self._left = dict(quotas)
        self._kept = _Kept(shape)

    def is_open(self, part: int) -> bool:
        """Return whether a part may keep more rows."""
        return self._left.get(part, 1) > 0

    def add_block(self, start: int, block_B_D: np.ndarray, parts_B: Sequence[int]) -> None:
        """Filter a block in its order. start: position of its first row."""
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
            # Later rows of the block may be more similar to this row than to rows of earlier blocks.
            nearer_B = among_B_B[at] > best_B
            best_B[nearer_B], place_B[nearer_B] = among_B_B[at][nearer_B], start + at
        self.choice.kept[start : start + len(own_B)] = own_B
        self._kept.add(block_B_D[own_B], start + np.flatnonzero(own_B))


def choose_diverse(
    vectors_N_D: np.ndarray, similarity: float, parts_N: np.ndarray, quotas: Mapping[int, int]
) -> Choice:
    """Keep rows in the order given until each part has its quota.

    Args:
        vectors_N_D: embeddings of any length.
        similarity: a row is skipped if its cosine similarity to a kept one is >= this.
        parts_N: part of the mixture of each row; a part without a quota is unlimited.
    """
    vectors_N_D = scale_to_length_1(vectors_N_D)
    filtered = _Filter(vectors_N_D.shape, similarity - ROUNDING, quotas)
    for start in range(0, len(vectors_N_D), BLOCK):
        if not any(filtered.is_open(part) for part in np.unique(parts_N[start:]).tolist()):
            break
        filtered.add_block(start, vectors_N_D[start : start + BLOCK], parts_N[start : start + BLOCK].tolist())
    return filtered.choice


def scale_to_length_1(vectors_N_D: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1; zero vectors stay."""
    length_N = np.linalg.norm(vectors_N_D, axis=1, keepdims=True)
    scaled_N_D: np.ndarray = (vectors_N_D / np.where(length_N == 0, 1, length_N)).astype(np.float32)
    return scaled_N_D
