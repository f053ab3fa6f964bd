"""Find paraphrased contamination: rows whose embedding is close to that of an evaluation question.

Of a row and of an evaluation row all that is asked is embedded, without answers and in the same order:
instruction and input, or the question, then earlier turns. A row is hit if the cosine of both reaches a
threshold, which is a matter of the embedder: short questions of one kind are alike without being the same.
An embedding of zeros or of no numbers is like none.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from evobuild.contamination.evaluation_sets import Questions
from evobuild.contamination.hits import Found, Hit, Keep, Rows, Tally, batches
from evobuild.contamination.ngrams import first_of
from evobuild.core.instructions import Instruction
from evobuild.scoring.clusters import Places, blocks
from evobuild.scoring.embeddings import join_texts, text_to_embed
from evobuild.scoring.row_file import RowFile

MEASURE = "embedding"
BATCH = 2048
"""Rows that are compared at a time."""
BLOCK = 1 << 14
"""Questions that are compared at a time."""
PAIRS = 1 << 15
"""Pairs whose cosine is taken in double precision at a time."""

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Embedder(Protocol):
    """What embeds texts, as embeddings.Embedder does."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed at least one text: a row each, in their order."""


class EmbeddingIndex:
    """The embeddings of one set's questions, on disk; they are removed at the end of the block.

    Products in single precision find which cosines may reach the threshold, with room for their rounding;
    these are taken in double precision. threshold: cosine, 0 to 1.
    """

    def __init__(self, name: str, questions: Questions, embedder: Embedder, threshold: float) -> None:
        self._name, self._questions = name, questions
        self._embedder, self._threshold = embedder, threshold
        self._targets = RowFile(np.float32)
        for part in blocks(len(questions), BLOCK):
            own = (questions[number] for number in range(part.start, part.stop))
            self._targets.append(embedder.embed([join_texts(each.asked, each.history) for each in own]))

    def search(self, rows: Rows, keep: Keep) -> Found:
        """Compare rows with the set; keep at most one hit per row, the most similar question.

        rows: reads them from the first on. keep: takes each hit, whose overlap tells its cosine.
        """
        touched_Q = np.zeros(len(self._questions), bool)
        tally = Tally(keep)
        for batch in batches(rows(), BATCH):
            texts = [text_to_embed(row, "whole") for row in batch]
            best_R, cosine_R = self._likeliest(_directions(self._embedder.embed(texts)), touched_Q)
            hit = np.flatnonzero(best_R >= 0).tolist()
            tally.take(len(batch), ((at, self._hit(batch[at], best_R[at], cosine_R[at])) for at in hit))
        return tally.found({(self._name, MEASURE): int(touched_Q.sum())})

    def _hit(self, row: Instruction, number: int, cosine: float) -> Hit:
        question = self._questions[number]
        return Hit(row.id, self._name, question.place, MEASURE, f"cosine {cosine:.4f}", question.text)

    def _likeliest(self, rows_RE: Doubles, touched_Q: Flags) -> tuple[Places, Doubles]:
        """Find the likeliest question of each row, -1 where none reaches the threshold, and its cosine.

        touched_Q: questions that are hit; those that these rows hit are added.
        """
        best_R, cosine_R = np.full(len(rows_RE), -1), np.full(len(rows_RE), -np.inf)
        for part in blocks(len(self._targets), BLOCK):
            targets_QE = _directions(self._targets[part])
            rows, near = self._close(rows_RE, targets_QE, cosine_R, touched_Q[part])
            cosines = _cosines(rows_RE, rows, targets_QE, near)
            hit = cosines >= self._threshold
            rows, near, cosines = rows[hit], near[hit], cosines[hit]
            touched_Q[part][near] = True
            order = np.lexsort((near, -cosines, rows))
            first = order[first_of(rows[order])]
            first = first[cosines[first] > cosine_R[rows[first]]]
            best_R[rows[first]], cosine_R[rows[first]] = part.start + near[first], cosines[first]
        return best_R, cosine_R

    def _close(
        self, rows_RE: Doubles, targets_QE: Doubles, cosine_R: Doubles, touched_Q: Flags
    ) -> tuple[Places, Places]:
        """Pairs whose cosine has to be known: those that may be a row's best, or a question's first hit.

        cosine_R: the best of each row so far. touched_Q: is set where a question is surely hit.
        """
        products_RQ = rows_RE.astype(np.float32) @ targets_QE.T.astype(np.float32)
        # Of d terms of vectors of length 1 a product is off by less than d + 2 units of rounding.
        room = 2 * (rows_RE.shape[1] + 4) * 2.0**-24 * 1.5
        touched_Q |= products_RQ.max(axis=0) >= self._threshold + room
        least_R = np.maximum(np.maximum(products_RQ.max(axis=1), cosine_R), self._threshold) - room
        needed_RQ = products_RQ >= least_R.astype(np.float32)[:, None]
        needed_RQ |= (products_RQ >= np.float32(self._threshold - room)) & ~touched_Q
        rows, near = np.nonzero(needed_RQ)
        return rows, near

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._targets.__exit__(kind, error, trace)


def _cosines(rows_RE: Doubles, rows: Places, targets_QE: Doubles, near: Places) -> Doubles:
    """The cosine of each pair, whatever else is beside it."""
    found = np.empty(len(rows))
    for part in blocks(len(rows), PAIRS):
        found[part] = np.einsum("ij,ij->i", rows_RE[rows[part]], targets_QE[near[part]])
    return found


def _directions(vectors_NE: np.ndarray) -> Doubles:
    """Scale vectors to length 1; those without a direction become zeros."""
    wide_NE = vectors_NE.astype(np.float64)
    lengths_N = np.linalg.norm(wide_NE, axis=1)
    sound_N = np.isfinite(lengths_N) & (lengths_N > 0)
    wide_NE[~sound_N] = 0
    lengths_N[~sound_N] = 1
    return np.asarray(wide_NE / lengths_N[:, None])
