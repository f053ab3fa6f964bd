"""Contamination that n-grams do not see: rows that ask nearly what a question asks, by their embeddings.

Of a row and of an evaluation row all that is asked is embedded, without answers and in the same order:
instruction and input, or the question, then earlier turns. A row is hit if the cosine of both reaches a
threshold, which is a matter of the embedder: short questions of one kind are alike without being the same.
An embedding of zeros or of no numbers is like none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

import numpy as np

from evobuild.contamination.evaluation_sets import Question
from evobuild.contamination.hits import Found, Hit
from evobuild.core.tables import Instruction
from evobuild.scoring.embeddings import embedded_text, whole_text

MEASURE = "embedding"
BATCH = 2048
"""Rows that are compared at a time."""


class Embedder(Protocol):
    """What embeds texts, as embeddings.Embedder does."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed at least one text: a row each, in their order."""


def find_embedding_hits(
    rows: Iterable[Instruction],
    name: str,
    questions: Sequence[Question],
    embedder: Embedder,
    threshold: float,
) -> Found:
    """Hold rows against one set: at most one hit a row, the likeliest question, of equal ones the first.

    threshold: cosine, 0 to 1. The overlap of a hit tells its cosine.
    """
    asked = [whole_text(question.asked, question.history) for question in questions]
    targets_QE = _directions(embedder.embed(asked))
    touched_Q = np.zeros(len(questions), bool)
    hits: list[Hit] = []
    source, count = iter(rows), 0
    while batch := list(islice(source, BATCH)):
        count += len(batch)
        texts = [embedded_text(row, "whole") for row in batch]
        cosines_RQ = _directions(embedder.embed(texts)) @ targets_QE.T
        touched_Q |= (cosines_RQ >= threshold).any(axis=0)
        best_R = cosines_RQ.argmax(axis=1)
        for place in np.flatnonzero(cosines_RQ[np.arange(len(batch)), best_R] >= threshold):
            question, cosine = questions[best_R[place]], cosines_RQ[place, best_R[place]]
            shared = f"cosine {cosine:.4f}"
            hits.append(Hit(batch[place].id, name, question.place, MEASURE, shared, question.text))
    return Found(count, hits, {(name, MEASURE): int(touched_Q.sum())})


def _directions(vectors_NE: np.ndarray) -> np.ndarray:
    """Scale vectors to length 1; those without a direction become zeros."""
    wide_NE = vectors_NE.astype(np.float64)
    lengths_N = np.linalg.norm(wide_NE, axis=1)
    sound_N = np.isfinite(lengths_N) & (lengths_N > 0)
    wide_NE[~sound_N] = 0
    lengths_N[~sound_N] = 1
    return np.asarray(wide_NE / lengths_N[:, None])
