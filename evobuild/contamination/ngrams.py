"""N-grams: runs of adjacent words that two collections of texts share.

Texts are numbers of words, 0 being a word that is never equal to another. N-grams are found by hash and then
compared word by word: no hit is an accident of hashing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

NO_WORD = 0
RUN = np.dtype([("row", np.int64), ("text", np.int64), ("start", np.int64), ("length", np.int64)])
"""Words of a row that a text has, too. start: the first, from 0. length: in words."""
MOST_PLACES = 4
"""Places of an n-gram in one text that are compared, the first ones: a text that repeats itself would else be
compared with a row that does the same at each pair of places."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Texts:
    """Texts as the numbers of their words, one after the other, with NO_WORD after each."""

    def __init__(self, texts: Sequence[Sequence[int]]) -> None:
        lengths = np.fromiter((len(text) + 1 for text in texts), np.int64, len(texts))
        joined = chain.from_iterable(chain(text, (NO_WORD,)) for text in texts)
        self.words_T = np.fromiter(joined, np.uint32, int(lengths.sum()))
        self.starts_N = np.cumsum(lengths) - lengths

    def number(self, places: np.ndarray) -> np.ndarray:
        """Which text each place is in."""
        return np.asarray(np.searchsorted(self.starts_N, places, "right") - 1)


class Grams:
    """The n-grams of some texts, to be looked up in others.

    words: how many distinct ones the texts have, numbered from 1.
    """

    def __init__(self, texts: Texts, n: int, words: int) -> None:
        self._texts, self._n = texts, n
        self._codes_V = np.random.default_rng(0).integers(1, 2**64, words + 1, np.uint64)
        places, hashes = self._hashed(texts)
        order = np.argsort(hashes, kind="stable")
        places, hashes = places[order], hashes[order]
        kept = _rank_within(hashes, texts.number(places)) < MOST_PLACES
        self._places, self._hashes = places[kept], hashes[kept]

    def _hashed(self, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
        """Where the n-grams of texts begin, those with NO_WORD left out, and their hashes."""
        size = max(0, len(texts.words_T) - self._n + 1)
        gaps = np.concatenate([[0], np.cumsum(texts.words_T == NO_WORD)])
        places = np.flatnonzero(gaps[self._n : self._n + size] == gaps[:size])
        codes = self._codes_V[texts.words_T]
        hashes = np.zeros(len(places), np.uint64)
        for shift in range(self._n):
            hashes = hashes * _FACTOR + codes[places + shift]
        return places, hashes

    def _pairs(self, rows: Texts) -> tuple[np.ndarray, np.ndarray]:
        """Where equal n-grams begin, in rows and in the texts."""
        places, hashes = self._hashed(rows)
        left = np.searchsorted(self._hashes, hashes, "left")
        counts = np.searchsorted(self._hashes, hashes, "right") - left
        here = np.repeat(places, counts)
        offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        there = self._places[np.repeat(left, counts) + offsets]
        same = np.ones(len(here), bool)
        for shift in range(self._n):
            same &= rows.words_T[here + shift] == self._texts.words_T[there + shift]
        return here[same], there[same]

    def runs_in(self, rows: Texts) -> np.ndarray:
        """The longest runs of n or more words that stand in a row and in a text, as an array of RUN."""
        here, there = self._pairs(rows)
        order = np.lexsort((here, here - there))
        here, there = here[order], there[order]
        begin = np.flatnonzero(first_of(here - there, here - np.arange(len(here))))
        row = rows.number(here[begin])
        runs = np.zeros(len(begin), RUN)
        runs["row"], runs["text"] = row, self._texts.number(there[begin])
        runs["start"] = here[begin] - rows.starts_N[row]
        runs["length"] = np.diff(np.append(begin, len(here))) + self._n - 1
        return runs


def _rank_within(*columns: np.ndarray) -> np.ndarray:
    """The place of each entry of sorted columns among those with its values, from 0."""
    places = np.arange(len(columns[0]))
    return np.asarray(places - np.maximum.accumulate(np.where(first_of(*columns), places, 0)))


def first_of(*columns: np.ndarray) -> np.ndarray:
    """Whether each entry of sorted columns is the first with its values."""
    first = np.ones(len(columns[0]), bool)
    if len(first):
        first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return first
