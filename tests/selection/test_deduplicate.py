"""Deduplication: of rows alike the first stays, and each other says which that is."""

from __future__ import annotations

import numpy as np
import polars as pl
from candidate_rows import rows

from evobuild.selection import deduplicate

SENTENCE = "one two three four five six seven eight nine ten eleven"


def said(found: pl.DataFrame) -> dict[str, tuple[str, str]]:
    return {key: (reason, detail) for key, reason, detail in found.iter_rows()}


def find_near(texts: list[str], threshold: float) -> pl.DataFrame:
    """Near duplicates of rows a, b, c, …, whose texts come in two batches, the last first."""
    ids = pl.Series([chr(97 + place) for place in range(len(texts))], dtype=pl.String)
    asked = pl.DataFrame({"asked": texts}, {"asked": pl.String}).with_row_index("place")
    return deduplicate.find_near_duplicates(ids, [asked[2:], asked[:2]], threshold, 1)


def test_of_equal_rows_the_first_stays_whatever_its_round() -> None:
    table = rows(content_id=["x", "y", "x", "x"], round=["r2", "r1", "r1", "r3"])
    assert said(deduplicate.find_exact_duplicates(table)) == {
        "c": ("exact duplicate", "a"),
        "d": ("exact duplicate", "a"),
    }
    assert set(said(deduplicate.find_exact_duplicates(table.reverse()))) == {"a", "c"}


def test_of_near_rows_the_first_stays() -> None:
    texts = [SENTENCE, "something else altogether", f"{SENTENCE} twelve"]
    assert said(find_near(texts, 0.9)) == {"c": ("near duplicate", "a")}
    assert find_near(texts, 0.95).height == 0


def test_a_row_goes_if_one_between_it_and_the_first_is_near_to_both() -> None:
    words = [f"w{number}" for number in range(40)]
    found = said(find_near([" ".join(words[start : start + 30]) for start in range(4)], 0.9))
    assert found == {key: ("near duplicate", "a") for key in "bcd"}


def test_by_embedding_the_similarity_is_said() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 0.01]], np.float32)
    found = said(deduplicate.find_embedding_duplicates(rows(ifd=[0.1, 0.2, 0.3]), vectors, 0.95))
    assert found == {"c": ("duplicate by embedding", "a, cosine similarity 1.0")}


def test_no_rows_have_no_duplicates() -> None:
    none = rows(ifd=[0.1]).clear()
    assert deduplicate.find_exact_duplicates(none).height == find_near([], 0.9).height == 0
    assert deduplicate.find_embedding_duplicates(none, np.empty((0, 3)), 0.9).height == 0
