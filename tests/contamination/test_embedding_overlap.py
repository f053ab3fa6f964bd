"""Rows that ask what a question asks in other words are found by their embeddings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tiny

from evobuild.contamination import embedding_overlap
from evobuild.contamination.decontaminate import NgramIndex
from evobuild.contamination.embedding_overlap import EmbeddingIndex
from evobuild.contamination.evaluation_sets import Question
from evobuild.contamination.hits import Hit

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


def searched(*rows, threshold=0.9):
    """What is found, and the hits."""
    hits: list[Hit] = []
    with EmbeddingIndex("set", QUESTIONS, Compass(), threshold) as index:
        return index.search(lambda: rows, hits.append), hits


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
    _, hits = searched(tiny.row(**row), threshold=threshold)
    assert [(hit.place, hit.overlap) for hit in hits] == expected


def test_rows_and_questions_are_counted_over_all_batches(monkeypatch) -> None:
    monkeypatch.setattr(embedding_overlap, "BATCH", 2)
    rows = [tiny.row(instruction=text) for text in (*ANGLES, "nobody knows")]
    found, hits = searched(*rows, threshold=0.85)
    assert (len(found.is_hit), len(hits), int(found.is_hit.sum())) == (8, 6, 6)
    assert found.touched == {("set", "embedding"): 4}


class Drawn:
    """Embeds a text by its first word, so that many are equal, and some nearly so."""

    def embed(self, texts):
        words = [text.partition(" ")[0] for text in texts]
        near = np.array([[len(word) * 1e-7, 0, 0] for word in words])
        drawn = [np.random.default_rng(len(word)).standard_normal(3) for word in words]
        return (np.array(drawn) + near).astype(np.float32)


def test_blocks_of_questions_find_the_likeliest_and_the_first_of_equal_ones(monkeypatch) -> None:
    chance = np.random.default_rng(3)
    asked = [f"{'x' * chance.integers(1, 12)} {at}" for at in range(90)]
    questions = [Question(text, (text,), ()) for text in asked]
    rows = [tiny.row(instruction=f"{'x' * chance.integers(1, 16)} row {at}") for at in range(50)]
    targets, own = (
        each / np.linalg.norm(each, axis=1)[:, None]
        for texts in (asked, [row.instruction for row in rows])
        for each in [Drawn().embed(texts).astype(np.float64)]
    )
    monkeypatch.setattr(embedding_overlap, "BLOCK", 7)
    monkeypatch.setattr(embedding_overlap, "PAIRS", 5)
    for threshold in (0.3, 0.95, 1 - 1e-6):
        hits: list[Hit] = []
        with EmbeddingIndex("set", questions, Drawn(), threshold) as index:
            found = index.search(lambda: rows, hits.append)
        cosines = np.array([[float(np.dot(one, other)) for other in targets] for one in own])
        best = np.round(cosines, 12).argmax(axis=1)
        wanted = [
            (row.id, asked[at])
            for row, at, line in zip(rows, best, cosines, strict=True)
            if line[at] >= threshold
        ]
        assert [(hit.row, hit.place) for hit in hits] == wanted
        assert found.touched == {("set", "embedding"): int((cosines >= threshold).any(axis=0).sum())}


def test_no_questions_hit_no_rows() -> None:
    with EmbeddingIndex("set", [], Compass(), 0.5) as index:
        found = index.search(lambda: [tiny.row()], [].append)
    assert (found.is_hit.tolist(), found.touched) == ([False], {("set", "embedding"): 0})


def test_it_stands_beside_what_n_grams_find() -> None:
    rows = [tiny.row(instruction=text) for text in ("How many eggs?", "Count the eggs.", "nobody knows")]
    by_embedding, hits = searched(*rows)
    found = NgramIndex({"set": QUESTIONS}, [8]).search(lambda: rows, hits.append).together(by_embedding)
    assert [hit.measure for hit in hits] == ["embedding", "embedding", "8-gram"]
    assert found.is_hit.tolist() == [True, True, False]
    assert found.hit == {("set", "8-gram"): 1, ("set", "embedding"): 2}
    assert found.touched == {("set", "8-gram"): 2, ("set", "embedding"): 2}
