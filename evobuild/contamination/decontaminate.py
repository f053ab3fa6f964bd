"""Find contamination: training rows that share text with evaluation sets.

As Zeng et al. 2024 (arXiv:2406.00770) count it: overlaps of 13 and of 8 words. An n-gram is n adjacent
words. Of a row its history, instruction, input and output count, one after the other; of an evaluation row
its question and its reference answers. Their words are the runs of letters, digits, marks and `_` after NFKC
and case folding, so punctuation and layout do not count; in scripts without spaces (Chinese, Japanese, Thai,
Lao, Khmer, Burmese) each character is a word.

A row is hit by an n-gram if n adjacent words of it also occur in one evaluation row. A question of fewer than
n words has no n-gram: it is hit by a row whose whole question equals it, with or without its history.
A hit means shared text, which may be a leaked question or a common phrase: review it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from evobuild.contamination.evaluation_sets import Questions
from evobuild.contamination.hits import Found, Hit, Keep, Rows, Tally, batches, row_text
from evobuild.contamination.ngrams import RUN, first_of
from evobuild.contamination.portion import Portion
from evobuild.core.instructions import Instruction
from evobuild.text.words import locate_normalised_words, normalise

BATCH = 2048
"""Rows that are compared at a time."""
NO_RUNS = np.zeros(0, RUN)

Runs = Mapping[int, np.ndarray]
"""The longest runs of a batch by the n of their n-grams, at most one a row and set."""


def ngram_measure(n: int) -> str:
    """Name the measure of an overlap of n words."""
    return f"{n}-gram"


class NgramIndex:
    """The n-grams of some evaluation sets, with which rows are compared.

    Of more questions than a portion takes one portion after the other is in memory, and the rows are read
    again for each; what is found is the same. sets: questions by the name of their set. lengths: the n of the
    n-grams, in words.
    """

    def __init__(self, sets: Mapping[str, Questions], lengths: Sequence[int]) -> None:
        self._sets, self._names, self._lengths = sets, list(sets), lengths
        self._set_Q = np.repeat(np.arange(len(sets)), [len(rows) for rows in sets.values()])
        self._starts = np.searchsorted(self._set_Q, np.arange(len(sets)))
        self._only: Portion | None = None

    def search(self, rows: Rows, keep: Keep) -> Found:
        """Compare rows with the sets; keep at most one hit per row, set and n, of equal ones the first
        question.

        rows: reads them from the first on. keep: takes each hit.
        """
        touched_Q = {n: np.zeros(len(self._set_Q), bool) for n in self._lengths}
        known: list[Runs] = []
        questions, first = chain.from_iterable(self._sets.values()), 0
        while True:
            portion = self._only or Portion(questions, first, self._lengths)
            longest = self._longest_of_batches(portion, rows(), known, touched_Q)
            if portion.stop == len(self._set_Q):
                break
            known, first = [runs for _, runs in longest], portion.stop
            del portion, longest  # Else two portions would be in memory.
        self._only = None if first else portion
        tally = Tally(keep)
        for batch, runs in longest:
            tally.take(len(batch), self._hits(batch, runs))
        return tally.found(dict(self._counted(touched_Q)))

    def _counted(self, touched_Q: Mapping[int, np.ndarray]) -> Iterator[tuple[tuple[str, str], int]]:
        for n, own_Q in touched_Q.items():
            counts = np.bincount(self._set_Q[own_Q], minlength=len(self._names))
            for name, count in zip(self._names, counts.tolist(), strict=True):
                yield (name, ngram_measure(n)), count

    def _longest_of_batches(
        self,
        portion: Portion,
        rows: Iterable[Instruction],
        known: Sequence[Runs],
        touched_Q: Mapping[int, np.ndarray],
    ) -> Iterator[tuple[Sequence[Instruction], Runs]]:
        """Give rows, some at a time, with the longest of what is known of them and of a portion's runs.

        touched_Q: by n the questions that are hit; those of the portion are added.
        """
        for place, batch in enumerate(batches(rows, BATCH)):
            found = {n: [known[place][n] if known else NO_RUNS] for n in self._lengths}
            for n, runs in portion.runs_in(batch):
                touched_Q[n][runs["text"]] = True
                found[n].append(self._longest(runs))
            yield batch, {n: self._longest(np.concatenate(each)) for n, each in found.items()}

    def _longest(self, runs: np.ndarray) -> np.ndarray:
        """Of each row and set the longest run, of equal ones the first."""
        sets = self._set_Q[runs["text"]]
        order = np.lexsort((runs["start"], runs["text"], -runs["length"], sets, runs["row"]))
        ordered, sets = runs[order], sets[order]
        return np.asarray(ordered[first_of(ordered["row"], sets)])

    def _hits(self, batch: Sequence[Instruction], runs: Runs) -> Iterator[tuple[int, Hit]]:
        for n, own in runs.items():
            for row, number, start, length in own.tolist():
                place = self._set_Q[number]
                name = self._names[place]
                question = self._sets[name][number - int(self._starts[place])]
                shared = _extract_words(batch[row], start, length)
                yield row, Hit(batch[row].id, name, question.place, ngram_measure(n), shared, question.text)


def _extract_words(row: Instruction, start: int, length: int) -> str:
    """Some words of a row as it has them, normalised."""
    folded = normalise(row_text(row))
    spans = locate_normalised_words(folded)
    return folded[spans[start][0] : spans[start + length - 1][1]]
