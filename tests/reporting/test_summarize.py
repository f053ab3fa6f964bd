"""Figures of rounds and pools, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trees

from evobuild.core import tables
from evobuild.core.measures import BUILT_IN, LEVELS, measure_of
from evobuild.core.rejects import OFF
from evobuild.core.stages import OF_ALL_POOLS, file_stem
from evobuild.reporting import summarize
from evobuild.reporting.stage_counts import CountFolders, Names, list_calling_stages

PARAMS = trees.settings()


def write(folder: Path, pool: str, schema, rows) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tables.write(folder / f"{pool}.parquet", tables.frame(schema, rows))


@pytest.fixture
def measures(tmp_path: Path) -> Path:
    """Where the folder of each measure is."""
    return tmp_path / "measures"


@pytest.fixture
def ratings(measures: Path) -> Path:
    folder = measures / "ratings"
    write(
        folder,
        "r0",
        measure_of("rate").schema,
        [("a", "easy", 20.0), ("b", "easy", 25.0), ("c", "hard", 65.0)],
    )
    write(folder, "r1", measure_of("rate").schema, [("d", "very hard", 88.888)])
    return folder


@pytest.fixture
def scores(measures: Path) -> Path:
    def rows(prefix: str, values: list[float]):
        return [
            (f"{prefix}{at}", 1, 1, False, 2.0, 1.0, 1.0, 2 * value, 1.0, value)
            for at, value in enumerate(values)
        ]

    folder = measures / "scores"
    write(folder, "r0", measure_of("score").schema, rows("a", [0.0, 0.1, 0.55, 1.0]))
    write(folder, "r1", measure_of("score").schema, rows("b", [0.3, 0.3]))
    return folder


def means(measures: Path, counts: Path, pools: list[str], asked: dict[str, Any]) -> dict[str, Any]:
    """The means, where other measures than those that were written are switched off.

    asked: of some stages the rows that came in, by pool; all of them were measured but for the first.
    """
    for measure in BUILT_IN:
        rows = asked.get(measure.stage, {})
        ledgers = {pool: {"in": rows[pool], "out": rows[pool] - (pool == "r0")} for pool in rows}
        ledgers = dict.fromkeys(pools, OFF) | ledgers
        for pool in pools:
            if not (measures / measure.folder / f"{pool}.parquet").exists():
                write(measures / measure.folder, pool, measure.schema, [])
            content = ledgers if measure.stage in OF_ALL_POOLS else ledgers[pool]
            (counts / f"{file_stem(measure.stage, pool)}.json").write_text(json.dumps(content))
    return summarize.measure_means(measures, counts, pools)


def test_difficulty_is_the_mean_score_of_each_pool_over_those_of_the_asked_that_were_rated(
    measures: Path, ratings: Path, tmp_path: Path
) -> None:
    write(ratings, "r2", measure_of("rate").schema, [("e", "hard", None)])
    found = means(measures, tmp_path, ["r0", "r1", "r2"], {"rate": {"r0": 4, "r1": 1, "r2": 1}})
    assert found["mean"]["difficulty"] == {"r0": 36.6667, "r1": 88.888, "r2": None}
    assert found["asked"] == {"r0": 4, "r1": 1, "r2": 1}
    assert found["rows"] == {"difficulty": {"r0": 3, "r1": 1, "r2": 0}}


def test_score_means_are_of_each_pool(measures: Path, scores: Path, tmp_path: Path) -> None:
    write(scores, "r2", measure_of("score").schema, [])
    write(scores, "r3", measure_of("score").schema, [("z", 1, 1, True, 2.0, 1.0, 2.0, 0.5, 0.4, 0.25)])
    found = means(measures, tmp_path, ["r0", "r1", "r2", "r3"], {"score": {"r0": 5, "r1": 2, "r3": 1}})
    assert found["mean"]["ifd"] == {"r0": 0.825, "r1": 0.6, "r2": None, "r3": 0.5}
    assert found["mean"]["ic_ifd"] == {"r0": 0.4125, "r1": 0.3, "r2": None, "r3": 0.25}
    assert found["truncated"] == {"r0": 0, "r1": 0, "r2": 0, "r3": 1}


def test_every_metric_that_was_measured_has_a_mean(measures: Path, tmp_path: Path) -> None:
    write(
        measures / "tags", "r0", measure_of("tag").schema, [("a", ["x", "y", "z"]), ("b", ["x"]), ("c", [])]
    )
    write(measures / "rewards", "r0", measure_of("reward").schema, [("a", -1.5, 2, -3.0), ("b", 1.0, 6, 0.5)])
    found = means(measures, tmp_path, ["r0"], {"tag": {"r0": 4}, "reward": {"r0": 3}})
    assert found["mean"] == {
        "tags": {"r0": 1.3333},
        "reward": {"r0": -0.25},
        "reward_scaled": {"r0": -1.25},
    }


def test_without_a_score_the_histogram_is_of_zeros(measures: Path) -> None:
    write(measures / "scores", "r0", measure_of("score").schema, [])
    assert {entry["rows"] for entry in summarize.score_histogram(measures, ["r0"])} == {0}


@pytest.mark.usefixtures("ratings")
def test_levels_are_counted_in_order_and_none_is_left_out(measures: Path) -> None:
    found = summarize.level_counts(measures, ["r0", "r1"])
    assert [entry["level"] for entry in found] == [*LEVELS, *LEVELS]
    assert [entry["rows"] for entry in found] == [0, 2, 0, 1, 0, 0, 0, 0, 0, 1]


@pytest.mark.usefixtures("scores")
def test_a_histogram_counts_every_row_once(measures: Path) -> None:
    found = summarize.score_histogram(measures, ["r0", "r1"])
    counts = {(entry["pool"], entry["ic_ifd"]): entry["rows"] for entry in found if entry["rows"]}
    # Bins of 0.05 from 0 to the greatest value, which falls into the last.
    assert counts == {("r0", 0.0): 1, ("r0", 0.1): 1, ("r0", 0.55): 1, ("r0", 0.95): 1, ("r1", 0.3): 2}
    assert len(found) == 2 * summarize.BINS


def test_a_histogram_of_zeros_has_them_in_the_first_bin(measures: Path) -> None:
    write(
        measures / "scores",
        "r0",
        measure_of("score").schema,
        [("a", 1, 1, False, 2.0, 0.0, 1.0, 0.0, 1.0, 0.0)],
    )
    assert [entry["rows"] for entry in summarize.score_histogram(measures, ["r0"])] == [1] + [0] * 19


def test_rows_are_counted_from_the_ledgers(tmp_path: Path) -> None:
    ledgers = {
        "seed": {"in": 12, "out": 10, "rejects": {"empty instruction": 2}, "held_out": 3},
        "evolve-r1": {"in": 7, "out": 5, "rejects": {"unchanged": 1, "unparsable": 1}},
        "evolve-r2": {"in": 5, "out": 4, "rejects": {"unchanged": 1}},
        "respond-r1": {"in": 5, "out": 5, "rejects": {}},
        "rate-r1": {"in": 5, "out": 3, "rejects": {"unparsed score": 2}},
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
    assert summarize.count_contaminated(tmp_path, ["gsm8k"], ["r0", "r1"]) == {
        "rows": {"gsm8k": {"13-gram": {"r0": 1, "r1": 0}, "8-gram": {"r0": 10, "r1": 0}}},
        "share": {"gsm8k": {"13-gram": {"r0": 0.025, "r1": 0.0}, "8-gram": {"r0": 0.25, "r1": 0.0}}},
    }


def test_what_was_asked_is_summed_by_role_over_all_stages(tmp_path: Path) -> None:
    def entry(role: str, requests: int, purpose: str = "evolve"):
        sums = {"requests": requests, "prompt_tokens": 10 * requests, "completion_tokens": requests}
        return {"role": role, "model": "m", "purposes": {purpose: sums}}

    stages = list_calling_stages(Names(["r1"], [], ["r0", "r1"], [], ["tuned"]))
    asked = {
        **{file_stem(*each): [] for each in stages},
        "evolve-r1": [entry("evolver", 4), entry("judge", 3, "equal")],
        "keywords": [entry("judge", 1, "keywords")],
        "respond-r1": [entry("responder", 2)],
        "rate-r1": [entry("judge", 2)],
        "tag": [entry("tagger", 1, "tag")],
        "evaluate-tuned": [entry("evaluated", 7, "evaluate"), entry("judge", 5, "judge")],
        "compare": [entry("judge", 2, "judge")],
    }
    folders = CountFolders(tmp_path / "counts", tmp_path / "downstream")
    for folder in (folders.upstream, folders.downstream / "counts"):
        folder.mkdir(parents=True)
    files = {file_stem(*each): folders.file(*each) for each in stages}
    for name, entries in asked.items():
        files[name].write_text(json.dumps({"in": 1, "asked": entries}))
    assert summarize.usage_by_role(folders, stages) == {
        "evolver": {"requests": 4, "tokens": 44},
        "evaluated": {"requests": 7, "tokens": 77},
        "judge": {"requests": 13, "tokens": 143},
        "responder": {"requests": 2, "tokens": 22},
        "tagger": {"requests": 1, "tokens": 11},
    }
