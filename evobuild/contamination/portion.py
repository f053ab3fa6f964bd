"""The n-grams of a portion of questions, as many as fit into memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from evobuild.contamination.evaluation_sets import Question
from evobuild.contamination.hits import row_texts
from evobuild.contamination.ngrams import NO_WORD, RUN, Grams, Texts
from evobuild.core.instructions import Instruction
from evobuild.text.words import split_normalised_words

MOST_GRAMS = 1 << 26
"""N-grams of one portion, of all lengths together; its last question may go beyond. So many take
1.8 GB while they are sorted."""

Parts = Sequence[Sequence[str]]
"""The words of each text of a row."""


class Portion:
    """Questions from a number on, with which rows are compared.

    questions: those that no portion has yet; this one takes its own from them. first: the number of the first
    one, from 0. lengths: the n of the n-grams, in words.
    """

    def __init__(self, questions: Iterator[Question], first: int, lengths: Sequence[int]) -> None:
        self._first, self._below = first, max(lengths, default=0)
        self._numbers: dict[str, int] = {}
        self._short: dict[str, list[int]] = {}
        texts = Texts(self._number_words(questions, MOST_GRAMS // max(1, len(lengths))))
        self._grams = {n: Grams(texts, n, len(self._numbers)) for n in lengths}
        self.stop = first + len(texts.starts_N)

    def _number_words(self, questions: Iterator[Question], most: int) -> Iterator[list[int]]:
        """Encode questions as numbers of words, at most `most` words; index short ones by their whole
        text.
        """
        number, words = self._numbers, 0
        for place, question in enumerate(questions, self._first):
            asked = split_normalised_words("\n".join((*question.history, *question.asked)))
            if 0 < len(asked) < self._below:
                self._short.setdefault(" ".join(asked), []).append(place)
            text = split_normalised_words(question.text)
            yield [number.setdefault(word, len(number) + 1) for word in text]
            if (words := words + len(text)) >= most:
                return

    def runs_in(self, batch: Sequence[Instruction]) -> Iterator[tuple[int, np.ndarray]]:
        """Give an n, and runs of n or more words that rows share with questions, or of all that is asked.

        The runs are of RUN: row is a place in the batch, text the number of a question.
        """
        parts = [[split_normalised_words(part) for part in row_texts(row)] for row in batch]
        text = Texts([self._numbers.get(word, NO_WORD) for word in chain(*row)] for row in parts)
        for n, grams in self._grams.items():
            for place, row in enumerate(parts):
                for runs in self._equal(row, n):
                    runs["row"] = place
                    yield n, runs
            for runs in grams.runs_in(text):
                runs["text"] += self._first
                yield n, runs

    def _equal(self, parts: Parts, n: int) -> Iterator[np.ndarray]:
        """All words of a row's question, if a question of fewer than n words asks just this."""
        *history, instruction, given, _ = parts
        before = sum(map(len, history))
        for start, asked in ((before, (instruction, given)), (0, (*history, instruction, given))):
            length = sum(map(len, asked))
            if 0 < length < n and (numbers := self._short.get(" ".join(chain(*asked)))):
                runs = np.zeros(len(numbers), RUN)
                runs["text"], runs["start"], runs["length"] = numbers, start, length
                yield runs
