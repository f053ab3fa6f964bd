"""Token probabilities by hand: every position of every first reply counts, and nothing stands in for none."""

from __future__ import annotations

import polars as pl
import pytest

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.evolution_tables import FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.evolution.token_probability import (
    BINS,
    HISTOGRAM,
    probability_histogram,
    probability_metrics,
    read_token_probabilities,
)
from evobuild.reporting import charts


def figures(*values):
    return dict(zip(("mean", "median", "above_0_9"), values, strict=True))


def of_round(name, folders):
    """The figures of a round over all positions, and over the first five of each reply."""
    found = probability_metrics(read_token_probabilities([name], **folders))["token_probability"][name]
    first = found.pop("first_5")
    return found, first


@pytest.fixture
def write(tmp_path, row):
    """Write a round of children and of replies with these probabilities; give the folders by name.

    failed: probabilities of attempts that failed, by attempt. again: attempt of the children.
    """

    def make(name, *probabilities, evolver="simulated:small", failed=(), again=0):
        children = [
            row(id=f"{name}{at}", round=name, evolver=evolver)._replace(history=[])
            for at in range(len(probabilities))
        ]
        replies = [
            (f"{name}{at}", again, 1, 1, "text", values, "") for at, values in enumerate(probabilities)
        ]
        made = ("evol", "deepening", "chat", "empty", "", "")
        lost = [(f"{at}", "p", number, *made, values) for at, (number, values) in enumerate(failed)]
        content = {"rounds": (INSTRUCTIONS, children), "replies": (REPLIES, replies)}
        content["failures"] = FAILURES, lost
        for folder, (schema, rows) in content.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            tables.write(tmp_path / folder / f"{name}.parquet", tables.frame(schema, rows))
        return {folder: tmp_path / folder for folder in content}

    return make


def test_figures_of_a_round_are_over_all_positions_of_all_first_replies(write):
    folders = write("r1", [0.25, 0.9375], [1.0, 0.5, 0.75])
    assert of_round("r1", folders) == (figures(0.6875, 0.75, 0.4),) * 2
    folders = write("r1", [0.25, 0.9375], failed=[(0, [1.0, 0.5]), (0, [0.75]), (0, None), (1, [0.0])])
    assert of_round("r1", folders) == (figures(0.6875, 0.75, 0.4),) * 2


def test_a_further_attempt_does_not_count(write):
    assert of_round("r1", write("r1", [1.0], failed=[(0, [0.5])], again=1))[0]["mean"] == 0.5


def test_replies_that_failed_count_where_all_parents_were_kept(write):
    folders = write("r1", failed=[(0, [0.5])])
    (found,) = read_token_probabilities(["r1"], **folders)
    assert (found.evolver, found.counts.sum()) == ("", 1)


def test_each_round_has_figures_of_its_own(write):
    write("r1", [0.25])
    write("r2", None)
    folders = write("r3", [1.0], [0.75])
    found = probability_metrics(read_token_probabilities(["r1", "r2", "r3"], **folders))["token_probability"]
    assert found == {
        "r1": figures(0.25, 0.25, 0.0) | {"first_5": figures(0.25, 0.25, 0.0)},
        "r3": figures(0.875, 0.75, 0.5) | {"first_5": figures(0.875, 0.75, 0.5)},
    }


def test_the_share_above_nine_tenths_is_without_nine_tenths(write):
    assert of_round("r1", write("r1", [0.85, 0.9, 0.9004, 1.0]))[0] == figures(0.9126, 0.9, 0.5)


def test_positions_after_the_first_five_count(write):
    folders = write("r1", [0.5] * 5 + [1.0] * 95)
    (found,) = read_token_probabilities(["r1"], **folders)
    assert (found.counts[5000], found.counts[10000], found.counts.sum()) == (5, 95, 100)
    assert of_round("r1", folders) == (figures(0.975, 1.0, 0.95), figures(0.5, 0.5, 0.0))


def test_the_first_five_are_those_of_each_reply(write):
    folders = write("r1", [0.5] * 4 + [1.0] * 4, [0.25], failed=[(0, [1.0] * 9)])
    (found,) = read_token_probabilities(["r1"], **folders)
    assert (found.first[2500], found.first[5000], found.first[10000]) == (1, 4, 6)


def test_a_histogram_has_every_bin_of_every_round_and_its_evolver(write):
    write("r1", [0.25, 0.9375], [1.0, 0.5, 0.75])
    folders = write("r2", [0.0, 1.0, 0.04, 1.0, 0.0, 0.0, 0.0, 0.0], evolver="vllm:large")
    rows = probability_histogram(read_token_probabilities(["r1", "r2"], **folders))
    assert rows.schema == HISTOGRAM
    assert rows.height == 2 * BINS
    assert [row for row in rows.iter_rows() if row[3]] == [
        ("r1", "simulated:small", 0.25, 1, 0.2, 1, 0.2),
        ("r1", "simulated:small", 0.5, 1, 0.2, 1, 0.2),
        ("r1", "simulated:small", 0.75, 1, 0.2, 1, 0.2),
        ("r1", "simulated:small", 0.9, 1, 0.2, 1, 0.2),
        ("r1", "simulated:small", 0.95, 1, 0.2, 1, 0.2),
        ("r2", "vllm:large", 0.0, 6, 0.75, 3, 0.6),
        ("r2", "vllm:large", 0.95, 2, 0.25, 2, 0.4),
    ]


def test_without_probabilities_there_are_no_figures_and_the_histogram_keeps_its_header(write, tmp_path):
    folders = write("r1", None, None)
    found = read_token_probabilities(["r1"], **folders)
    assert probability_metrics(found) == {"token_probability": {}}
    probability_histogram(found).write_csv(tmp_path / "bins.csv")
    assert (tmp_path / "bins.csv").read_text() == f"{','.join(HISTOGRAM)}\n"


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
    replies = tables.read(tmp_path / "replies/r1.parquet", REPLIES)
    tables.write(tmp_path / "replies/r1.parquet", replies.filter(pl.col("id") == "r11"))
    (found,) = read_token_probabilities(["r1"], **folders)
    assert (found.counts[10000], found.counts.sum()) == (1, 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "is not here; run evobuild pull or evobuild repro"),
        (lambda path: path.write_text("no table"), "not a readable Parquet table"),
        (
            lambda path: pl.DataFrame({"id": ["a"]}).write_parquet(path),
            "column 'attempt' is missing",
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
