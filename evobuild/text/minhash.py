"""Near-duplicates: groups of texts whose word pairs overlap, by MinHash (rensa) and an exact check.

Two texts are near-duplicates if the Jaccard similarity of their sets of adjacent word pairs is at
least a threshold; groups are closed under that relation as far as the hash tables propose pairs. A text
more then joins groups and parts none, wherever it stands, but in a bucket of more than ALL_PAIRS texts.
Words are case-folded; scripts without spaces count by character.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, combinations, pairwise

import numpy as np
import rensa

from evobuild.core.progress import metered
from evobuild.text.words import split_words

PERMUTATIONS = 64
BANDS = 16
"""16 bands of 4 hashes: a pair of similarity 0.7 is proposed with probability 1 - (1 - 0.7^4)^16 = 0.99."""

ALL_PAIRS = 64
"""Texts of a bucket up to which all pairs are compared; in a larger one each with the next and the first."""


def group_near_duplicates(texts: Sequence[str], threshold: float, seed: int) -> list[int]:
    """Number the near-duplicate group of each text by the first place that belongs to it.

    threshold: Jaccard similarity, 0 to 1. Instance: ["a b c", "x y", "A b c!"] -> [0, 1, 0].
    """
    sets = [_pairs(text) for text in metered(texts, "near duplicates", "texts", len(texts))]
    leaders = list(range(len(texts)))
    digests = rensa.RMinHash.digests_from_token_sets([sorted(pairs) for pairs in sets], PERMUTATIONS, seed)
    table_N_P = np.array(digests, dtype=np.uint64).reshape(len(texts), PERMUTATIONS)
    for band_N_W in np.split(table_N_P, BANDS, axis=1):
        for bucket in _buckets(np.ascontiguousarray(band_N_W)):
            for one, other in _proposed(bucket):
                _join(leaders, sets, threshold, one, other)
    return [_leader(leaders, place) for place in range(len(texts))]


def _pairs(text: str) -> set[str]:
    # Half a character, which JSON can escape, has no bytes to hash.
    text = text.encode(errors="replace").decode()
    words = split_words(text.casefold())
    return {f"{one} {other}" for one, other in pairwise(words)} or set(words) or {text}


def _buckets(band_N_W: np.ndarray) -> list[list[int]]:
    rows_N = band_N_W.view(np.dtype((np.void, band_N_W.dtype.itemsize * band_N_W.shape[1]))).ravel()
    order_N = np.argsort(rows_N, kind="stable")
    edges = np.flatnonzero(rows_N[order_N][1:] != rows_N[order_N][:-1]) + 1
    return [part.tolist() for part in np.split(order_N, edges) if len(part) > 1]


def _proposed(bucket: Sequence[int]) -> Iterable[tuple[int, int]]:
    if len(bucket) <= ALL_PAIRS:
        return combinations(bucket, 2)
    return chain(pairwise(bucket), ((bucket[0], other) for other in bucket[1:]))


def _join(leaders: list[int], sets: list[set[str]], threshold: float, one: int, other: int) -> None:
    first, second = _leader(leaders, one), _leader(leaders, other)
    if first == second:
        return
    shared = len(sets[one] & sets[other])
    if shared >= threshold * (len(sets[one]) + len(sets[other]) - shared):
        leaders[max(first, second)] = min(first, second)


def _leader(leaders: list[int], place: int) -> int:
    while leaders[place] != place:
        leaders[place] = leaders[leaders[place]]
        place = leaders[place]
    return place
