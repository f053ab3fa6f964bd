"""Contamination: training rows that share text with the evaluation sets they will be judged on.

As Zeng et al. 2024 (arXiv:2406.00770) count it: overlaps of 13 and of 8 words. An n-gram is n adjacent
words. Of a row its history, instruction, input and output count, one after the other; of an evaluation row
its question and its reference answers. Their words are the runs of letters, digits, marks and `_` after NFKC
and case folding, so punctuation and layout do not count; in scripts without spaces (Chinese, Japanese, Thai,
Lao, Khmer, Burmese) each character is a word.

A row is hit by an n-gram if any n adjacent words of it stand so in one evaluation row. A question of fewer
than n words has no n-gram of its own: it is hit by a row that asks just this, with its history or without.
A hit says that text stands in both, be it a leaked question or a common phrase: it is to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice

import numpy as np

from evobuild.contamination.evaluation_sets import Question
from evobuild.contamination.hits import Found, Hit, row_text, row_texts
from evobuild.contamination.ngrams import NO_WORD, RUN, Grams, Texts, first_of
from evobuild.core.tables import Instruction
from evobuild.text.words import locate_normalised_words, normalise, split_normalised_words

BATCH = 2048
"""Rows that are compared at a time."""


def ngram_measure(n: int) -> str:
    """Name the measure of an overlap of n words."""
    return f"{n}-gram"


class NgramIndex:
    """The n-grams of some evaluation sets, to hold rows against.

    sets: questions by the name of their set. lengths: the n of the n-grams, in words.
    """

    def __init__(self, sets: Mapping[str, Sequence[Question]], lengths: Sequence[int]) -> None:
        self._questions = [(name, question) for name, rows in sets.items() for question in rows]
        self._sets = list(sets)
        self._set_Q = np.repeat(np.arange(len(sets)), [len(rows) for rows in sets.values()])
        self._numbers: dict[str, int] = {}
        number = self._numbers
        texts = Texts(
            [
                [number.setdefault(word, len(number) + 1) for word in split_normalised_words(question.text)]
                for _, question in self._questions
            ]
        )
        self._grams = {n: Grams(texts, n, len(number)) for n in lengths}
        self._short: dict[str, list[int]] = {}
        for place, (_, question) in enumerate(self._questions):
            asked = split_normalised_words("\n".join((*question.history, *question.asked)))
            if 0 < len(asked) < max(lengths, default=0):
                self._short.setdefault(" ".join(asked), []).append(place)

    def search(self, rows: Iterable[Instruction]) -> Found:
        """Hold rows against the sets: at most one hit a row, set and n; of equal ones the first question."""
        hits: list[Hit] = []
        touched_Q = {n: np.zeros(len(self._questions), bool) for n in self._grams}
        source, count = iter(rows), 0
        while batch := list(islice(source, BATCH)):
            count += len(batch)
            parts = [[split_normalised_words(part) for part in row_texts(row)] for row in batch]
            text = Texts([[self._numbers.get(word, NO_WORD) for word in chain(*row)] for row in parts])
            for n, grams in self._grams.items():
                runs = np.concatenate([self._equal(parts, n), grams.runs_in(text)])
                touched_Q[n][runs["text"]] = True
                hits += [self._hit(batch[run["row"]], run, n) for run in self._longest(runs)]
        touched = {
            (name, ngram_measure(n)): int(seen_Q[self._set_Q == place].sum())
            for n, seen_Q in touched_Q.items()
            for place, name in enumerate(self._sets)
        }
        return Found(count, hits, touched)

    def _equal(self, parts: Sequence[Sequence[Sequence[str]]], n: int) -> np.ndarray:
        """Rows that ask just what a question of fewer than n words asks, each as a run of all its words."""
        found = []
        for place, (*history, instruction, given, _) in enumerate(parts):
            before = sum(map(len, history))
            for start, asked in ((before, (instruction, given)), (0, (*history, instruction, given))):
                length = sum(map(len, asked))
                if 0 < length < n:
                    numbers = self._short.get(" ".join(chain(*asked)), [])
                    found += [(place, number, start, length) for number in numbers]
        return np.array(found, RUN)

    def _longest(self, runs: np.ndarray) -> np.ndarray:
        """Of each row and set the longest run, of equal ones the first."""
        sets = self._set_Q[runs["text"]]
        order = np.lexsort((runs["start"], runs["text"], -runs["length"], sets, runs["row"]))
        ordered, sets = runs[order], sets[order]
        return np.asarray(ordered[first_of(ordered["row"], sets)])

    def _hit(self, row: Instruction, run: np.void, n: int) -> Hit:
        name, question = self._questions[run["text"]]
        folded = normalise(row_text(row))
        spans = locate_normalised_words(folded)
        first, last = spans[run["start"]], spans[run["start"] + run["length"] - 1]
        return Hit(row.id, name, question.place, ngram_measure(n), folded[first[0] : last[1]], question.text)
