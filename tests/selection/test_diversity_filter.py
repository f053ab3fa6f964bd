"""The diversity filter: held against one row at a time, and its quotas."""

from __future__ import annotations

import numpy as np
import pytest

from evobuild.selection import diversity_filter

AXES = np.array([[1, 0], [0.99, 0.1], [0, 1], [1, 0.01], [-1, 0]], float)


def choose(vectors, similarity=0.9, parts=None, quotas=None):
    parts = np.zeros(len(vectors), int) if parts is None else np.array(parts)
    return diversity_filter.choose_diverse(np.array(vectors, float), similarity, parts, quotas or {})


def test_a_row_near_to_a_kept_one_is_skipped_and_says_to_which() -> None:
    found = choose(AXES)
    assert found.kept.tolist() == [True, False, True, False, True]
    assert found.near.tolist() == [-1, 0, -1, 0, -1]
    assert found.similarity[1] == pytest.approx(0.99 / np.hypot(0.99, 0.1))


def test_the_nearest_of_several_is_named() -> None:
    assert choose([[1, 0], [0.8, 0.6], [0.9, 0.45]], 0.85).near.tolist() == [-1, -1, 1]


def test_only_kept_rows_stand_in_the_way() -> None:
    chain = [[np.cos(angle), np.sin(angle)] for angle in (0, 0.4, 0.8)]
    assert choose(chain, 0.9).kept.tolist() == [True, False, True]


def test_length_does_not_count() -> None:
    assert choose([[1, 0], [40, 0], [0, 0.001]]).kept.tolist() == [True, False, True]


def test_a_vector_meets_itself_at_similarity_1() -> None:
    vectors = np.random.default_rng(3).normal(size=(50, 384))
    assert choose(np.repeat(vectors, 2, axis=0), 1.0).kept.tolist() == [True, False] * 50


def test_each_part_is_kept_to_its_quota_and_one_without_is_not() -> None:
    vectors = np.eye(6)
    found = choose(vectors, parts=[0, -1, 0, 1, -1, 0], quotas={0: 2, 1: 0})
    assert found.kept.tolist() == [True, True, True, False, True, False]
    assert found.near.tolist() == [-1] * 6


def test_a_skipped_row_takes_nothing_of_the_quota() -> None:
    assert choose(AXES, quotas={0: 2}).kept.tolist() == [True, False, True, False, False]


@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_change_nothing(monkeypatch, block) -> None:
    vectors = np.random.default_rng(5).normal(size=(200, 4))
    parts = np.arange(200) % 3
    whole = choose(vectors, 0.8, parts, {0: 9, 1: 30})
    monkeypatch.setattr(diversity_filter, "BLOCK", block)
    monkeypatch.setattr(diversity_filter, "SLICE", 5)
    again = choose(vectors, 0.8, parts, {0: 9, 1: 30})
    assert again.kept.tolist() == whole.kept.tolist() == plainly(vectors, 0.8, parts, {0: 9, 1: 30})
    assert again.near.tolist() == whole.near.tolist()
    assert 0 < whole.kept.sum() < 200


def plainly(vectors, similarity, parts, quotas):
    """The same, row by row, without blocks."""
    unit, kept, left = diversity_filter.scale_to_length_1(vectors), [], dict(quotas)
    for row, part in enumerate(parts.tolist()):
        far = all(unit[row] @ unit[other] < similarity for other in kept)
        if far and left.get(part, 1):
            kept.append(row)
            left[part] = left.get(part, 10**9) - 1
    return [row in kept for row in range(len(vectors))]
