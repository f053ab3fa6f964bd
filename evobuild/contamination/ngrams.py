"""N-grams: runs of adjacent words that two collections of texts share.

Texts are numbers of words, 0 being a word that is never equal to another. N-grams are found by hash and then
compared word by word: no hit is an accident of hashing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

import numpy as np

NO_WORD = 0
RUN = np.dtype([("row", np.int32), ("text", np.int32), ("start", np.int32), ("length", np.int32)])
"""Words of a row that a text has, too. start: the first, from 0. length: in words."""
MOST_PLACES = 4
"""Places of an n-gram in one text that are compared, the first ones: a text that repeats itself would else be
compared with a row that does the same at each pair of places."""
PAIRS = 1 << 22
"""Equal n-grams of rows and texts that are compared at a time, or those of one row, if they are more."""
HASHED = 1 << 22
"""Words of texts whose n-grams are hashed at a time."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Texts:
    """Texts as the numbers of their words, one after the other, with NO_WORD after each."""

    def __init__(self, texts: Iterable[Iterable[int]]) -> None:
        words, starts = array("I"), array("q")
        for text in texts:
            starts.append(len(words))
            words.extend(text)
            words.append(NO_WORD)
        self.words_T = np.asarray(words, np.uint32)
        self.starts_N = np.asarray(starts, np.int64)

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
        places, hashes = self._hash_ngrams(texts)
        order = np.argsort(hashes, kind="stable")
        places, hashes = places[order], hashes[order]
        del order
        # Places of one n-gram follow each other by text: one too many is in the text of the fourth before.
        again = np.flatnonzero(hashes[MOST_PLACES:] == hashes[:-MOST_PLACES])
        same = texts.number(places[again]) == texts.number(places[again + MOST_PLACES])
        kept = np.ones(len(places), bool)
        kept[again[same] + MOST_PLACES] = False
        self._places, self._hashes = places[kept], hashes[kept]
        # Hashes are spread evenly, so that of a few first bits each leads to one or two of them.
        bits = max(1, len(self._hashes).bit_length() - 1)
        self._shift = np.uint64(64 - bits)
        leads = np.arange(1 << bits, dtype=np.uint64) << self._shift
        self._left = np.append(np.searchsorted(self._hashes, leads), len(self._hashes)).astype(np.uint32)

    def _hash_ngrams(self, texts: Texts) -> tuple[np.ndarray, np.ndarray]:
        """Where the n-grams of texts begin, those with NO_WORD left out, and their hashes."""
        size = max(0, len(texts.words_T) - self._n + 1)
        parts = [
            self._hash_ngram_part(texts.words_T[start : start + HASHED + self._n - 1], start)
            for start in range(0, max(1, size), HASHED)
        ]
        places, hashes = zip(*parts, strict=True)
        return np.concatenate(places), np.concatenate(hashes)

    def _hash_ngram_part(self, words_T: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
        size = max(0, len(words_T) - self._n + 1)
        gaps = np.concatenate([[0], np.cumsum(words_T == NO_WORD)])
        places = np.flatnonzero(gaps[self._n : self._n + size] == gaps[:size])
        codes = self._codes_V[words_T]
        hashes = np.zeros(len(places), np.uint64)
        for shift in range(self._n):
            hashes = hashes * _FACTOR + codes[places + shift]
        return (places + start).astype(np.uint32), hashes

    def runs_in(self, rows: Texts) -> Iterator[np.ndarray]:
        """Find the longest runs of n or more words that a row and a text share, some rows at a time.

        Gives arrays of RUN, at least one; all runs of a row are in the same.
        """
        places, hashes = self._hash_ngrams(rows)
        lead = (hashes >> self._shift).astype(np.int64)
        left = self._left[lead].astype(np.int64)
        counts = self._left[lead + 1] - left
        row = rows.number(places)
        ends = np.cumsum(np.bincount(row, counts, len(rows.starts_N)))
        cuts = np.flatnonzero(np.diff(np.concatenate([[0], ends[:-1]])[row] // PAIRS)) + 1
        for part in map(slice, [0, *cuts], [*cuts, len(places)]):
            yield self._runs(rows, *self._equal(rows, places[part], hashes[part], left[part], counts[part]))

    def _equal(
        self, rows: Texts, places: np.ndarray, hashes: np.ndarray, left: np.ndarray, counts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where equal n-grams begin, in rows and in the texts.

        left, counts: for each of some n-grams of rows, which of ours to compare it with.
        """
        asked = np.repeat(np.arange(len(places)), counts)
        found = np.arange(len(asked)) + np.repeat(left - np.cumsum(counts) + counts, counts)
        alike = hashes[asked] == self._hashes[found]
        here, there = (each.astype(np.int64) for each in (places[asked[alike]], self._places[found[alike]]))
        same = np.ones(len(here), bool)
        for shift in range(self._n):
            same &= rows.words_T[here + shift] == self._texts.words_T[there + shift]
        return here[same], there[same]

    def _runs(self, rows: Texts, here: np.ndarray, there: np.ndarray) -> np.ndarray:
        order = np.lexsort((here, here - there))
        here, there = here[order], there[order]
        begin = np.flatnonzero(first_of(here - there, here - np.arange(len(here))))
        row = rows.number(here[begin])
        runs = np.zeros(len(begin), RUN)
        runs["row"], runs["text"] = row, self._texts.number(there[begin])
        runs["start"] = here[begin] - rows.starts_N[row]
        runs["length"] = np.diff(np.append(begin, len(here))) + self._n - 1
        return runs


def first_of(*columns: np.ndarray) -> np.ndarray:
    """Whether each entry of sorted columns is the first with its values."""
    first = np.ones(len(columns[0]), bool)
    if len(first):
        first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return first
