"""Token probabilities by hand: every position counts, in whatever table, and nothing stands in for none."""

from __future__ import annotations

import polars as pl
import pytest

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.evolution.token_probability import (
    BINS,
    HISTOGRAM,
    probability_figures,
    probability_histogram,
    read_token_probabilities,
)
from evobuild.reporting import charts

OFF = {"mean": None, "median": None, "above_0_9": None}


@pytest.fixture
def write(tmp_path, row):
    """Write a round of children and of replies with these probabilities; give the two folders by name."""

    def make(name, *probabilities, evolver="simulated:small"):
        children = [
            row(id=f"{name}{at}", round=name, evolver=evolver)._replace(history=[])
            for at in range(len(probabilities))
        ]
        replies = [(f"{name}{at}", 0, 1, 1, "text", values, "") for at, values in enumerate(probabilities)]
        content = {"rounds": (tables.INSTRUCTIONS, children), "replies": (tables.REPLIES, replies)}
        for folder, (schema, rows) in content.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            tables.write(tmp_path / folder / f"{name}.parquet", tables.frame(schema, rows))
        return {"replies": tmp_path / "replies", "rounds": tmp_path / "rounds"}

    return make


def test_figures_of_a_round_are_over_all_positions_of_all_replies(write):
    folders = write("r1", [0.25, 0.9375], [1.0, 0.5, 0.75])
    found = probability_figures(read_token_probabilities(["r1"], **folders), ["r1"])
    assert found == {"token_probability": {"r1": {"mean": 0.6875, "median": 0.75, "above_0_9": 0.4}}}


def test_each_round_has_figures_of_its_own(write):
    write("r1", [0.25])
    write("r2", None)
    folders = write("r3", [1.0], [0.75])
    names = ["r1", "r2", "r3"]
    assert probability_figures(read_token_probabilities(names, **folders), names)["token_probability"] == {
        "r1": {"mean": 0.25, "median": 0.25, "above_0_9": 0.0},
        "r2": OFF,
        "r3": {"mean": 0.875, "median": 0.75, "above_0_9": 0.5},
    }


def test_the_share_above_nine_tenths_is_without_nine_tenths(write):
    folders = write("r1", [0.85, 0.9, 0.9004, 1.0])
    assert probability_figures(read_token_probabilities(["r1"], **folders), ["r1"])["token_probability"][
        "r1"
    ] == {
        "mean": 0.9126,
        "median": 0.9,
        "above_0_9": 0.5,
    }


def test_positions_after_the_first_five_count(write):
    folders = write("r1", [0.5] * 5 + [1.0] * 95)
    (found,) = read_token_probabilities(["r1"], **folders)
    assert (found.counts[5000], found.counts[10000], found.counts.sum()) == (5, 95, 100)
    assert probability_figures([found], ["r1"])["token_probability"]["r1"]["median"] == 1.0


def test_a_histogram_has_every_bin_of_every_round_and_its_evolver(write):
    write("r1", [0.25, 0.9375], [1.0, 0.5, 0.75])
    folders = write("r2", [0.0, 0.0, 0.04, 1.0], evolver="vllm:large")
    rows = probability_histogram(read_token_probabilities(["r1", "r2"], **folders))
    assert rows.schema == HISTOGRAM
    assert rows.height == 2 * BINS
    assert [row for row in rows.iter_rows() if row[3]] == [
        ("r1", "simulated:small", 0.25, 1, 0.2),
        ("r1", "simulated:small", 0.5, 1, 0.2),
        ("r1", "simulated:small", 0.75, 1, 0.2),
        ("r1", "simulated:small", 0.9, 1, 0.2),
        ("r1", "simulated:small", 0.95, 1, 0.2),
        ("r2", "vllm:large", 0.0, 3, 0.75),
        ("r2", "vllm:large", 0.95, 1, 0.25),
    ]


def test_without_probabilities_figures_are_null_and_the_histogram_keeps_its_header(write, tmp_path):
    folders = write("r1", None, None)
    found = read_token_probabilities(["r1"], **folders)
    assert probability_figures(found, ["r1"]) == {"token_probability": {"r1": OFF}}
    probability_histogram(found).write_csv(tmp_path / "bins.csv")
    assert (tmp_path / "bins.csv").read_text() == "round,evolver,probability,positions,share\n"


def test_an_empty_reply_has_no_position(write):
    (found,) = read_token_probabilities(["r1"], **write("r1", [], [0.5], None))
    assert found.counts.sum() == 1


def test_only_the_rounds_named_are_read(write):
    write("r1", [0.5])
    folders = write("r2", [1.0])
    assert [found.round for found in read_token_probabilities(["r2"], **folders)] == ["r2"]


def test_a_row_without_a_reply_is_no_position(write, tmp_path):
    """A parent that was kept unevolved stands in the round, but no reply of the evolver led to it."""
    folders = write("r1", [0.5], [1.0])
    replies = tables.read(tmp_path / "replies/r1.parquet", tables.REPLIES)
    tables.write(tmp_path / "replies/r1.parquet", replies.filter(pl.col("id") == "r11"))
    (found,) = read_token_probabilities(["r1"], **folders)
    assert (found.counts[10000], found.counts.sum()) == (1, 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "not a readable Parquet table"),
        (lambda path: path.write_text("no table"), "not a readable Parquet table"),
        (
            lambda path: pl.DataFrame({"id": ["a"]}).write_parquet(path),
            "expected a column 'attempt' of Int64",
        ),
    ],
    ids=["missing", "another file", "another table"],
)
def test_a_table_that_is_none_is_named(write, tmp_path, damage, message):
    folders = write("r1", [0.5])
    damage(tmp_path / "replies/r1.parquet")
    with pytest.raises(BadInput, match=rf"replies/r1\.parquet: {message}"):
        read_token_probabilities(["r1"], **folders)


def test_the_chart_has_a_panel_for_each_round(write):
    write("r1", [0.5, 1.0])
    folders = write("r2", [1.0])
    bins = probability_histogram(read_token_probabilities(["r1", "r2"], **folders)).to_dicts()
    drawn = charts.token_probability(bins)
    assert drawn.count(">r1<") == drawn.count(">r2<") == 1
    assert drawn == charts.token_probability(bins)
