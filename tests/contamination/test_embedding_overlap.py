"""Rows that ask what a question asks in other words are found by their embeddings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tiny

from evobuild.contamination import embedding_overlap
from evobuild.contamination.decontaminate import NgramIndex
from evobuild.contamination.evaluation_sets import Question

ANGLES = {
    "How many eggs?": 0.0,
    "What is the number of eggs?": 30.0,
    "Name a river.": 90.0,
    "Name a river.\nIn France.": 100.0,
    "Count the eggs.": 20.0,
    "And in France?\nThe Nile.\nName a river.": 300.0,
    "And in France?": 200.0,
}
"""Direction of each text, in degrees."""


class Compass:
    """Embeds a text by its angle, at another length each; an unknown one as zeros, a broken one as NaN."""

    def embed(self, texts):
        turns = [math.radians(ANGLES.get(text, 0.0)) for text in texts]
        vectors = np.array([[math.cos(turn), math.sin(turn)] for turn in turns], np.float32)
        scale = [float(len(text)) if text in ANGLES else 0.0 for text in texts]
        vectors *= np.array(scale, np.float32)[:, None]
        vectors[[text == "broken" for text in texts]] = np.nan
        return vectors


QUESTIONS = [
    Question("q:1", ("How many eggs?",), ("3",)),
    Question("q:2", ("Name a river.", "In France."), ()),
    Question("q:3", ("How many eggs?",), ("4",)),
    Question("q:4", ("nothing known",), ()),
    Question("q:5", ("broken",), ()),
    Question("q:6", ("And in France?", ""), ("The Loire.",), ("Name a river.", "The Nile.")),
]
TURNS = (("user", "Name a river."), ("assistant", "The Nile."))


def found(*rows, threshold=0.9):
    return embedding_overlap.find_embedding_hits(rows, "set", QUESTIONS, Compass(), threshold)


@pytest.mark.parametrize(
    ("row", "threshold", "expected"),
    [
        ({"instruction": "How many eggs?"}, 1.0, [("q:1", "cosine 1.0000")]),
        ({"instruction": "Count the eggs."}, 0.93, [("q:1", "cosine 0.9397")]),
        ({"instruction": "Count the eggs."}, 0.94, []),
        ({"instruction": "Name a river."}, 0.9, [("q:2", "cosine 0.9848")]),
        ({"instruction": "Name a river.", "input": "In France."}, 0.99, [("q:2", "cosine 1.0000")]),
        ({"instruction": "And in France?", "history": TURNS}, 1.0, [("q:6", "cosine 1.0000")]),
        ({"instruction": "And in France?"}, 0.1, []),
        ({"instruction": "nobody knows"}, 0.01, []),
        ({"instruction": "broken"}, 0.01, []),
    ],
)
def test_a_row_is_hit_from_the_threshold_on(row, threshold, expected) -> None:
    hits = found(tiny.row(**row), threshold=threshold).hits
    assert [(hit.place, hit.overlap) for hit in hits] == expected


def test_rows_and_questions_are_counted_over_all_batches(monkeypatch) -> None:
    monkeypatch.setattr(embedding_overlap, "BATCH", 2)
    rows = [tiny.row(instruction=text) for text in (*ANGLES, "nobody knows")]
    result = found(*rows, threshold=0.85)
    assert (result.rows, len(result.hits)) == (8, 6)
    assert result.touched == {("set", "embedding"): 4}


def test_it_stands_beside_what_n_grams_find() -> None:
    row = tiny.row(instruction="How many eggs?")
    both = NgramIndex({"set": QUESTIONS}, [8]).search([row]).together(found(row))
    assert [hit.measure for hit in both.hits] == ["8-gram", "embedding"]
    assert both.touched == {("set", "8-gram"): 2, ("set", "embedding"): 2}
    assert both.rows == 1
