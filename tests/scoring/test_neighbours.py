"""The nearest other vector: by hand, against the plain definition, and however it is found."""

from __future__ import annotations

import numpy as np
import pytest

from evobuild.core.errors import MissingExtra
from evobuild.scoring import clusters, neighbours
from evobuild.scoring.row_file import RowFile

CORNERS = np.array([[0, 0], [3, 4], [0, 1], [6, 8], [3, 4]], np.float32)


def by_definition(vectors, distance):
    """Every pair in double precision; the first of the least."""
    doubles = vectors.astype(np.float64)
    if distance == "cosine":
        unit = doubles / np.linalg.norm(doubles, axis=1, keepdims=True)
        # As it is given to the products: in single precision.
        doubles = unit.astype(np.float32).astype(np.float64)
    squared = ((doubles[:, None] - doubles[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    place = squared.argmin(axis=1)
    least = squared[np.arange(len(squared)), place]
    return place, {"l2": np.sqrt(least), "squared": least, "cosine": least / 2}[distance]


def cloud(rows, width=16, seed=1):
    drawn = np.random.default_rng(seed).standard_normal((rows, width))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    ("distance", "lengths"),
    [("l2", [1, 0, 1, 5, 0]), ("squared", [1, 0, 1, 25, 0])],
)
def test_distances_by_hand(distance, lengths):
    found, far = neighbours.find_nearest(CORNERS, distance)
    # Of the equal second and last each is the other's; the fourth's nearest is the first of them.
    assert found.tolist() == [2, 4, 0, 1, 1]
    assert far.tolist() == lengths


def test_cosine_by_hand():
    vectors = np.array([[1, 0], [0, 2], [5, 5], [-3, 0]], np.float32)
    found, far = neighbours.find_nearest(vectors, "cosine")
    assert found.tolist() == [2, 2, 0, 1]
    assert far == pytest.approx([1 - 0.5**0.5, 1 - 0.5**0.5, 1 - 0.5**0.5, 1], abs=1e-7)


@pytest.mark.parametrize("distance", ["l2", "squared", "cosine"])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_it_is_the_least_of_all_pairs(distance, scale):
    vectors = cloud(300) * np.linspace(1, scale, 300, dtype=np.float32)[:, None]
    vectors[7] = vectors[200]
    vectors[9] = vectors[7]
    place, least = by_definition(vectors, distance)
    found, far = neighbours.find_nearest(vectors, distance)
    assert found.tolist() == place.tolist()
    assert far == pytest.approx(least, rel=1e-12)


def test_ties_go_to_the_first():
    square = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    assert neighbours.find_nearest(square, "l2")[0].tolist() == [1, 0, 0, 1]
    same = np.ones((5, 3), np.float32)
    assert neighbours.find_nearest(same, "l2")[0].tolist() == [1, 0, 0, 0, 0]
    zeros = np.array([[0.0], [-0.0], [9.0]], np.float32)
    assert neighbours.find_nearest(zeros, "l2")[0].tolist() == [1, 0, 0]


def test_what_single_precision_cannot_tell_apart_is_told_apart():
    vectors = cloud(400, 64)
    # Three copies of each of the first hundred, the second nearer than the third, the fourth farthest.
    for number, gap in enumerate((1e-6, 2e-6, 4e-6), start=1):
        vectors[100 * number : 100 * (number + 1)] = vectors[:100] + cloud(100, 64, number) * np.float32(gap)
    place, least = by_definition(vectors, "l2")
    found, far = neighbours.find_nearest(vectors, "l2")
    assert found.tolist() == place.tolist() and found[:100].tolist() == list(range(100, 200))
    assert far == pytest.approx(least, rel=1e-12) and 0 < far.max() < 1e-5


def test_blocks_do_not_show(monkeypatch):
    vectors = cloud(150)
    whole = neighbours.find_nearest(vectors, "l2")
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 4 * 150 * 7)
    monkeypatch.setattr(clusters, "PAIRS", 5)
    split = neighbours.find_nearest(vectors, "l2")
    assert all((one == other).all() for one, other in zip(whole, split, strict=True))


@pytest.mark.parametrize("distance", ["l2", "cosine"])
def test_blocks_from_disk_do_not_show_in_an_index(monkeypatch, distance):
    pytest.importorskip("faiss")
    vectors = cloud(1500, 8)
    vectors[1400:] = vectors[:100]
    whole = neighbours.find_nearest(vectors, distance, exact=False)
    monkeypatch.setattr(clusters, "BLOCK", 7)
    monkeypatch.setattr(clusters, "PAIRS", 5)
    with RowFile(np.float32) as rows:
        for start in range(0, 1500, 400):
            rows.append(vectors[start : start + 400])
        split = neighbours.find_nearest(rows, distance, exact=False)
    assert all((one == other).all() for one, other in zip(whole, split, strict=True))


def test_with_all_clusters_looked_into_an_index_is_exact(monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(clusters, "PROBED", 10**6)
    vectors = cloud(2000, 64)
    vectors[50] = vectors[20]
    exact, indexed = (neighbours.find_nearest(vectors, "l2", exact) for exact in (True, False))
    assert all((one == other).all() for one, other in zip(exact, indexed, strict=True))


def test_a_row_file_gives_back_what_it_was_given():
    with RowFile(np.int32) as rows:
        rows.append(np.arange(6).reshape(3, 2))
        rows.put(1, np.array([[7, 8]]))
        assert len(rows) == 3 and rows[1:9].tolist() == [[7, 8], [4, 5]] and rows[3:].shape == (0, 2)
        with pytest.raises(ValueError, match="rows of 3 numbers among those of 2"):
            rows.append(np.zeros((1, 3)))


def test_an_index_finds_nearly_all_and_measures_them_exactly():
    pytest.importorskip("faiss")
    vectors = cloud(3000, 8)
    vectors[5] = vectors[17]
    exact, indexed = (neighbours.find_nearest(vectors, "l2", exact) for exact in (True, False))
    same = exact[0] == indexed[0]
    assert same.mean() > 0.95 and same[5] and same[17]
    assert (exact[1][same] == indexed[1][same]).all()
    again = neighbours.find_nearest(vectors, "l2", False)
    assert (again[0] == indexed[0]).all() and (again[1] == indexed[1]).all()


def test_a_row_that_is_alone_in_its_clusters_finds_its_nearest_all_the_same(monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(clusters, "PROBED", 1)
    vectors = cloud(400)
    vectors[7] = 1000
    exact, indexed = (neighbours.find_nearest(vectors, "l2", exact) for exact in (True, False))
    assert exact[0][7] == indexed[0][7] and exact[1][7] == indexed[1][7]


def test_without_its_package_the_index_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(MissingExtra, match=r"evobuild\[neighbours\]"):
        neighbours.find_nearest(cloud(200), "l2", exact=False)
