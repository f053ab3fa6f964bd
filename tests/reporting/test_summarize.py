"""Figures of rounds and pools, by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evobuild.core import tables
from evobuild.reporting import summarize


def write(folder: Path, pool: str, schema, rows) -> None:
    folder.mkdir(exist_ok=True)
    tables.write(folder / f"{pool}.parquet", tables.frame(schema, rows))


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    folder = tmp_path / "ratings"
    write(folder, "r0", tables.RATINGS, [("a", "easy", 20.0), ("b", "easy", 25.0), ("c", "hard", 65.0)])
    write(folder, "r1", tables.RATINGS, [("d", "very hard", 88.888)])
    return folder


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    def rows(prefix: str, values: list[float]):
        return [
            (f"{prefix}{at}", 1, 1, False, 2.0, 1.0, 1.0, 2 * value, 1.0, value)
            for at, value in enumerate(values)
        ]

    folder = tmp_path / "scores"
    write(folder, "r0", tables.SCORES, rows("a", [0.0, 0.1, 0.55, 1.0]))
    write(folder, "r1", tables.SCORES, rows("b", [0.3, 0.3]))
    return folder


def test_difficulty_is_the_mean_score_of_each_pool_over_those_of_the_asked_that_were_rated(
    ratings: Path, tmp_path: Path
) -> None:
    write(ratings, "r2", tables.RATINGS, [("e", "hard", None)])
    for pool, asked, rated in (("r0", 4, 3), ("r1", 1, 1), ("r2", 1, 1)):
        (tmp_path / f"rate-{pool}.json").write_text(json.dumps({"in": asked, "out": rated}))
    assert summarize.difficulty(ratings, tmp_path, ["r0", "r1", "r2"]) == {
        "difficulty": {"r0": 36.67, "r1": 88.89, "r2": None},
        "rated": {"r0": 3, "r1": 1, "r2": 1},
        "asked": {"r0": 4, "r1": 1, "r2": 1},
    }


def test_score_means_are_of_each_pool(scores: Path) -> None:
    write(scores, "r2", tables.SCORES, [])
    write(scores, "r3", tables.SCORES, [("z", 1, 1, True, 2.0, 1.0, 2.0, 0.5, 0.4, 0.25)])
    assert summarize.score_means(scores, ["r0", "r1", "r2", "r3"]) == {
        "ifd": {"r0": 0.825, "r1": 0.6, "r2": None, "r3": 0.5},
        "ic_ifd": {"r0": 0.4125, "r1": 0.3, "r2": None, "r3": 0.25},
        "truncated": {"r0": 0, "r1": 0, "r2": 0, "r3": 1},
    }


def test_without_a_score_the_histogram_is_of_zeros(tmp_path: Path) -> None:
    write(tmp_path, "r0", tables.SCORES, [])
    assert {entry["rows"] for entry in summarize.score_histogram(tmp_path, ["r0"])} == {0}


def test_levels_are_counted_in_order_and_none_is_left_out(ratings: Path) -> None:
    found = summarize.level_counts(ratings, ["r0", "r1"])
    assert [entry["level"] for entry in found] == [*tables.LEVELS, *tables.LEVELS]
    assert [entry["rows"] for entry in found] == [0, 2, 0, 1, 0, 0, 0, 0, 0, 1]


def test_a_histogram_counts_every_row_once(scores: Path) -> None:
    found = summarize.score_histogram(scores, ["r0", "r1"])
    counts = {(entry["pool"], entry["ic_ifd"]): entry["rows"] for entry in found if entry["rows"]}
    # Bins of 0.05 from 0 to the greatest value, which falls into the last.
    assert counts == {("r0", 0.0): 1, ("r0", 0.1): 1, ("r0", 0.55): 1, ("r0", 0.95): 1, ("r1", 0.3): 2}
    assert len(found) == 2 * summarize.BINS


def test_a_histogram_of_zeros_has_them_in_the_first_bin(tmp_path: Path) -> None:
    write(tmp_path, "r0", tables.SCORES, [("a", 1, 1, False, 2.0, 0.0, 1.0, 0.0, 1.0, 0.0)])
    assert [entry["rows"] for entry in summarize.score_histogram(tmp_path, ["r0"])] == [1] + [0] * 19


def test_rows_are_counted_from_the_ledgers(tmp_path: Path) -> None:
    ledgers = {
        "seed": {"in": 12, "out": 10, "rejects": {"empty instruction": 2}, "held_out": 3},
        "evolve-r1": {"in": 7, "out": 5, "rejects": {"copy": 1, "no label": 1}},
        "evolve-r2": {"in": 5, "out": 4, "rejects": {"copy": 1}},
        "respond-r1": {"in": 5, "out": 5, "rejects": {}},
        "rate-r1": {"in": 5, "out": 3, "rejects": {"no score": 2}},
        "score": {"r1": {"in": 5, "out": 4, "rejects": {"empty answer": 1}}},
        "diversity": {"r1": {"in": 5, "out": 4, "rejects": {"unusable embedding": 1}}},
        "reward": {"r1": {"in": 0, "out": 0, "rejects": {}, "off": True}},
        "tag": {"r1": {"in": 5, "out": 2, "rejects": {"unparsed tags": 3}}},
        "select": {"in": 5, "out": 2, "rejects": {"below the cut": 3}},
        "quality-autoif": {"in": 12, "out": 9, "rejects": {"no answer of quality": 3}},
    }
    for name, ledger in ledgers.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(ledger))
    assert summarize.row_counts(tmp_path, ["r1", "r2"], ["r1"], ["autoif"]) == {
        "rows": {"r0": 7, "r1": 5, "r2": 4, "autoif": 9, "selected": 2},
        "rejected": {
            "seed": 2,
            "evolve": 3,
            "respond": 0,
            "rate": 2,
            "score": 1,
            "diversity": 1,
            "reward": 0,
            "tag": 3,
        },
    }


def test_contaminated_rows_are_counted_by_set_measure_and_pool(tmp_path: Path) -> None:
    def pool(rows: int, long: int, short: int):
        hits = {"13-gram": {"rows": long, "questions": 1}, "8-gram": {"rows": short, "questions": 1}}
        return {"rows": rows, "hit": hits}

    ledger = {"questions": 9, "pools": {"r0": pool(40, 1, 10), "r1": pool(0, 0, 0), "old": pool(1, 1, 1)}}
    (tmp_path / "decontaminate-gsm8k.json").write_text(json.dumps(ledger))
    assert summarize.contaminated(tmp_path, ["gsm8k"], ["r0", "r1"]) == {
        "rows": {"gsm8k": {"13-gram": {"r0": 1, "r1": 0}, "8-gram": {"r0": 10, "r1": 0}}},
        "share": {"gsm8k": {"13-gram": {"r0": 0.025, "r1": 0.0}, "8-gram": {"r0": 0.25, "r1": 0.0}}},
    }


def test_usage_is_summed_by_role_over_all_stages(tmp_path: Path) -> None:
    def entry(role: str, calls: int, cost: float | None, purpose: str = "evolve"):
        counts = {"calls": calls, "cached": 9, "prompt_tokens": 10 * calls, "completion_tokens": calls}
        return {"role": role, "seconds": 1.5, "cost": cost, "purposes": {purpose: counts}}

    files = {
        "optimize": [],
        "evolve-r1": [entry("evolver", 4, 0.5), entry("judge", 3, None, "equal")],
        "keywords": [entry("judge", 1, None, "keywords")],
        "respond-r1": [entry("responder", 2, None)],
        "rate-r1": [entry("judge", 2, 0.25)],
        "tag": [entry("tagger", 1, None, "tag")],
    }
    for name, entries in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(entries))
    assert summarize.usage_by_role(tmp_path, files) == {
        "evolver": {"calls": 4, "tokens": 44, "seconds": 1.5, "cost": 0.5},
        "judge": {"calls": 6, "tokens": 66, "seconds": 4.5, "cost": 0.25},
        "responder": {"calls": 2, "tokens": 22, "seconds": 1.5, "cost": None},
        "tagger": {"calls": 1, "tokens": 11, "seconds": 1.5, "cost": None},
    }
