"""Diversity of pools: nearest instructions, figures and histogram by hand, and the stage that makes them."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.measures import EMBEDDING, measure_of
from evobuild.core.rejects import OFF, Reject
from evobuild.core.uri import Weights
from evobuild.scoring import diversity, embeddings
from evobuild.scoring.diversity import Nearest
from evobuild.scoring.params import Diversity
from stages import diversity as stage

L2 = Diversity(text="whole", distance="l2", exact_rows=100)
VECTORS = np.array([[0, 0], [3, 4], [3, 4], [0, 1]], np.float32)


def test_parts_do_not_show():
    parts = [(pl.Series(["a", "b"]), VECTORS[:2]), (pl.Series(["c", "d"]), VECTORS[2:])]
    assert list(diversity.measure_diversity(parts, L2)) == measured("abcd", VECTORS)


def measured(ids, vectors, params=L2):
    return list(diversity.measure_diversity([(pl.Series(list(ids)), vectors)], params))


def test_each_row_gets_its_nearest_other():
    found = measured("abcd", VECTORS)
    assert found == [
        Nearest("a", "d", 1.0),
        Nearest("b", "c", 0.0),
        Nearest("c", "b", 0.0),
        Nearest("d", "a", 1.0),
    ]


def test_a_row_alone_has_no_neighbour():
    assert measured("a", VECTORS[:1]) == [Reject("a", "no other row", "", "")]


def test_what_cannot_be_measured_is_a_reject_and_nobodys_neighbour():
    vectors = np.array([[0, 0], [np.nan, 1], [1, 0], [2, 2]], np.float32)
    found = {each.id: each for each in measured("abcd", vectors)}
    assert isinstance(found["b"], Reject) and found["a"] == Nearest("a", "c", 1.0)
    cosine = L2.model_copy(update={"distance": "cosine"})
    found = {each.id: each for each in measured("abcd", vectors, cosine)}
    assert {id for id, each in found.items() if isinstance(each, Reject)} == {"a", "b"}
    assert found["c"].distance == pytest.approx(1 - 0.5**0.5)


def test_figures_are_of_each_pool_and_say_how_they_were_taken():
    far = {"r0": pl.Series([0.0, 0.25, 1.0]), "r1": pl.Series([], dtype=pl.Float64)}
    assert diversity.diversity_metrics(far, "some/model", L2) == {
        "embedder": "some/model",
        "text": "whole",
        "distance": "l2",
        "rows": {"r0": 3, "r1": 0},
        "approximate": "",
        "mean": {"r0": 0.4167, "r1": None},
        "median": {"r0": 0.25, "r1": None},
    }


EMBEDDER = Weights("some/model", revision="0123")


@pytest.fixture
def ran(tmp_path, store, row, label):
    """Run the stage on two rounds, of three rows, two of which share an instruction, and of one."""
    rounds = tmp_path / "rounds"
    rounds.mkdir()
    texts = {"r0": [("Add.", "1, 2"), ("Add.", "1, 2, 3"), ("Name it.", "")], "r1": [("Name a sea.", "")]}
    for name, own in texts.items():
        rows = [row(text, round=name, input=given) for text, given in own]
        tables.write(rounds / f"{name}.parquet", tables.frame(INSTRUCTIONS, rows))
    names = ("rounds", "embeddings", "diversity", "rejects", "counts", "metrics", "histogram")
    paths = {name: tmp_path / name for name in names}

    def run(embedder, text="whole"):
        given = load_all_params(SHIPPED_PARAMS)
        models = given.models.model_copy(update={"embedder": embedder})
        own = {name: given.pools["r0"] for name in texts}
        embedded = given.diversity.model_copy(update={"text": text})
        changed = given.model_copy(update={"models": models, "pools": own, "diversity": embedded})
        stage.main(changed, stage.Arguments(label=label, **paths))
        return tmp_path

    return run


@pytest.fixture
def lengths(monkeypatch):
    """Embed each text as its length."""

    class Lengths(embeddings.Embedder):
        def __init__(self, model): ...
        def __exit__(self, *error): ...
        def cache_embeddings(self, texts): ...

        def embed(self, texts):
            return np.array([[len(text), 0] for text in texts], np.float32)

    monkeypatch.setattr(embeddings, "Embedder", Lengths)


@pytest.mark.parametrize(
    ("text", "distances"), [("whole", [1.0, 1.0, 3.0]), ("instruction", [0.0, 0.0, 4.0])]
)
def test_rows_that_share_an_instruction_are_copies_only_by_that_alone(ran, lengths, text, distances):
    near = pl.read_parquet(ran(EMBEDDER, text) / "diversity/r0.parquet")
    assert sorted(near["distance"]) == distances


def test_the_stage_measures_all_pools(ran, lengths):
    out = ran(EMBEDDER)
    near = pl.read_parquet(out / "diversity/r0.parquet")
    assert near.schema == measure_of("diversity").schema
    assert pl.read_parquet(out / "embeddings/r0.parquet").schema == EMBEDDING.schema
    assert pl.read_parquet(out / "embeddings/r1.parquet")["embedding"].to_list() == [[11.0, 0.0]]
    assert json.loads((out / "counts").read_text()) == {
        "r0": {"in": 3, "out": 3, "rejects": {}},
        "r1": {"in": 1, "out": 0, "rejects": {"no other row": 1}},
        "loaded": [{"role": "embedder", "model": "some/model@0123", "identity": "some/model@0123"}],
    }
    assert json.loads((out / "metrics").read_text())["mean"] == {"r0": 1.6667, "r1": None}
    assert pl.read_csv(out / "histogram")["rows"].sum() == 3


def test_without_an_embedder_it_leaves_empty_tables_and_says_so(ran):
    out = ran(None)
    for name in ("r0", "r1"):
        assert pl.read_parquet(out / f"diversity/{name}.parquet").is_empty()
        assert pl.read_parquet(out / f"embeddings/{name}.parquet").schema == EMBEDDING.schema
    assert json.loads((out / "counts").read_text()) == {
        "r0": OFF,
        "r1": OFF,
        "loaded": [],
    }
    assert json.loads((out / "metrics").read_text())["embedder"] is None
    assert (out / "histogram").read_text() == "pool,distance,rows,share\n"
