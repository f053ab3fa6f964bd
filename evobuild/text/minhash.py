"""Near-duplicates: groups of texts whose word pairs overlap, by MinHash (rensa) and an exact check.

Two texts are near-duplicates if the Jaccard similarity of their sets of adjacent word pairs is at
least a threshold; groups are closed under that relation as far as the hash tables propose pairs. A text
more then joins groups and splits none, at any position, except in a bucket of more than ALL_PAIRS texts.
Words are case-folded; scripts without spaces count by character.

Texts come one after the other, and none stays in memory: the hashes of its word pairs and of its bands go to
files, which are read a band at a time. A text takes some 20 bytes of memory, and of disk 128 and 8 for each
of its word pairs.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from itertools import chain, combinations, islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rensa

from evobuild.core.scratch import ScratchFolder
from evobuild.process.progress import metered
from evobuild.text.words import split_words

PERMUTATIONS = 64
BANDS = 16
"""16 bands of 4 hashes: a pair of similarity 0.7 is proposed with probability 1 - (1 - 0.7^4)^16 = 0.99."""

ALL_PAIRS = 64
"""Texts of a bucket up to which all pairs are compared; in a larger one each with the next and the first."""

CHUNK = 4096
"""Texts that are hashed at a time."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
"""2 to the 64th over the golden ratio, which spreads what is multiplied by it."""
SETS_IN_MEMORY = 4096
"""Texts whose word pairs stay in memory between two comparisons."""


def group_near_duplicates(
    texts: Iterable[str], threshold: float, seed: int, total: int | None = None
) -> np.ndarray:
    """Number the near-duplicate group of each text by the position of its first member.

    threshold: Jaccard similarity, 0 to 1. total: how many texts will come, to show how far they have.

    Gives int64 of as many as there are texts. Instance: ["a b c", "x y", "A b c!"] -> [0, 1, 0].
    """
    with ScratchFolder() as folder:
        hashed = _write_hashes(metered(texts, "near duplicates", "texts", total), seed, folder)
        with hashed.sets.open("rb") as sets:
            groups = _Groups(sets.fileno(), hashed.ends, threshold)
            for file in metered(hashed.bands, "near duplicates", "hash tables", BANDS):
                groups.join_alike(np.fromfile(file, np.uint64))
        return groups.leaders()


class _Hashed(NamedTuple):
    """What is kept of texts, in files of 64 bits each. bands: one a text. sets: of all word pairs.

    ends: where the word pairs of a text end, in number, and 0 before the first.
    """

    bands: list[Path]
    sets: Path
    ends: array[int]


def _write_hashes(texts: Iterable[str], seed: int, folder: Path) -> _Hashed:
    found = _Hashed([folder / f"band-{band}" for band in range(BANDS)], folder / "sets", array("Q", [0]))
    left = iter(texts)
    with ExitStack() as open_files:
        bands = [open_files.enter_context(file.open("wb")) for file in found.bands]
        sets = open_files.enter_context(found.sets.open("wb"))
        while some := list(islice(left, CHUNK)):
            hashes = rensa.RMinHash.hash_token_sets([word_pairs(text) for text in some])
            array("Q", chain.from_iterable(hashes)).tofile(sets)
            for each in hashes:
                found.ends.append(found.ends[-1] + len(each))
            matrix = rensa.RMinHash.digest_matrix_from_token_hash_sets(hashes, PERMUTATIONS, seed)
            table_N_P = np.array(matrix.to_rows(), np.uint64)
            for band_N_W, file in zip(np.split(table_N_P, BANDS, axis=1), bands, strict=True):
                _fold_hashes(band_N_W).tofile(file)
    return found


def _fold_hashes(band_N_W: np.ndarray) -> np.ndarray:
    """Fold the hashes of each band into one 64-bit number; equal bands give equal numbers."""
    found_N = np.zeros(len(band_N_W), np.uint64)
    for hash_N in band_N_W.T:
        found_N = (found_N ^ hash_N) * _ODD
        found_N ^= found_N >> np.uint64(29)
    return found_N


def word_pairs(text: str) -> set[str]:
    """Return the word bigrams of a text; for one word that word, without words the whole text."""
    # Half a character, which JSON can escape, has no bytes to hash.
    text = text.encode(errors="replace").decode()
    words = split_words(text.casefold())
    return {f"{one} {other}" for one, other in pairwise(words)} or set(words) or {text}


class _Groups:
    """The groups as they grow. sets: a file of the hashes of word pairs. ends: see `_Hashed`."""

    def __init__(self, sets: int, ends: array[int], threshold: float) -> None:
        self._sets, self._ends, self._threshold = sets, ends, threshold
        self._leaders = array("q", range(len(ends) - 1))
        self._read = lru_cache(SETS_IN_MEMORY)(self._pairs_of)

    def leaders(self) -> np.ndarray:
        """Return the first position of each text's group."""
        found_N = np.array(self._leaders, np.int64)
        while not np.array_equal(found_N, nearer_N := found_N[found_N]):
            found_N = nearer_N
        return found_N

    def join_alike(self, band_N: np.ndarray) -> None:
        """Join the groups of near-duplicates that share a bucket."""
        if not len(band_N):
            return
        order_N = np.argsort(band_N, kind="stable")
        ordered_N = band_N[order_N]
        start_B = np.flatnonzero(np.concatenate([[True], ordered_N[1:] != ordered_N[:-1]]))
        leader_N = self.leaders()[order_N]
        is_open_B = np.minimum.reduceat(leader_N, start_B) != np.maximum.reduceat(leader_N, start_B)
        end_B = np.append(start_B[1:], len(order_N))
        for start, end in zip(start_B[is_open_B].tolist(), end_B[is_open_B].tolist(), strict=True):
            for one, other in _propose_pairs(order_N[start:end].tolist()):
                self._join(one, other)

    def _join(self, one: int, other: int) -> None:
        first, second = self._leader(one), self._leader(other)
        if first != second and self._are_alike(one, other):
            self._leaders[max(first, second)] = min(first, second)

    def _leader(self, place: int) -> int:
        leaders = self._leaders
        while leaders[place] != place:
            leaders[place] = leaders[leaders[place]]
            place = leaders[place]
        return place

    def _are_alike(self, one: int, other: int) -> bool:
        sizes = self._size(one), self._size(other)
        if min(sizes) < self._threshold * max(sizes):
            return False
        shared = len(self._read(one) & self._read(other))
        return shared >= self._threshold * (sum(sizes) - shared)

    def _size(self, place: int) -> int:
        return self._ends[place + 1] - self._ends[place]

    def _pairs_of(self, place: int) -> frozenset[int]:
        found = array("Q", os.pread(self._sets, 8 * self._size(place), 8 * self._ends[place]))
        return frozenset(found)


def _propose_pairs(bucket: Sequence[int]) -> Iterable[tuple[int, int]]:
    if len(bucket) <= ALL_PAIRS:
        return combinations(bucket, 2)
    return chain(pairwise(bucket), ((bucket[0], other) for other in bucket[1:]))
