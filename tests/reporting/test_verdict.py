"""The verdict: every rule says what it should at the figures that it turns at, and nothing without any."""

from __future__ import annotations

from typing import Any

import pytest
from reported import settings

from evobuild.reporting.stage_counts import StageCounts
from evobuild.reporting.verdict import Facts, find_verdict

ROUNDS = ("r1", "r2")
POOLS = ("r0", "r1", "r2")


def counted(stage: str, name: str, rows_in: int = 100, lost: int = 0, reason: str = "why") -> StageCounts:
    return StageCounts(stage, name, rows_in, rows_in - lost, 0, {reason: lost} if lost else {})


def counts(**changes: StageCounts) -> dict[str, StageCounts]:
    names = [("evolve", name) for name in ROUNDS]
    names += [(stage, pool) for stage in ("respond", "rate") for pool in POOLS]
    found = {f"{stage}-{name}": counted(stage, name) for stage, name in [*names, ("select", "")]}
    return found | {key.replace("_", "-"): value for key, value in changes.items()}


def said(about: str, **changes: Any) -> list[tuple[str, str]]:
    """What is said of one thing: states and texts."""
    facts = Facts("", counts(), {"r1": 10, "r2": 10}, {}, (), {}, (), {}, None)._replace(**changes)
    found = find_verdict(settings(), facts)
    assert [each.state for each in found] == sorted(
        (each.state for each in found), key=("bad", "look", "good").index
    )
    return [(each.state, each.text.replace("\u00a0", " ")) for each in found if each.about == about]


def test_a_label_comes_first():
    assert said("DRY RUN", label="DRY RUN, TOY")[0][0] == said("TOY", label="DRY RUN, TOY")[0][0] == "bad"
    assert not said("DRY RUN", label="TOY") and not said("TOY", label="")


@pytest.mark.parametrize(
    ("selected", "state", "text"),
    [
        ({"r1": 10, "r2": 10}, "good", "No round gives more than half of the rows; r1 gives most, 50 %."),
        (
            {"r1": 10, "r2": 11},
            "look",
            "r2 gives 11 of 21 rows (52 %), more than all other rounds; to mix them, set select.weights.",
        ),
    ],
)
def test_a_pool_with_more_than_half_is_named(selected: dict[str, int], state: str, text: str):
    assert said("pools", selected=selected) == [(state, text)]


def test_pools_of_which_nothing_is_left_are_named_and_a_single_pool_is_no_matter():
    found = said("pools", selected={"r0": 0, "r1": 0, "r2": 9})
    text = "No row of r0 and r1 was selected; raise select.share or edit select.pools."
    assert ("look", text) in found
    assert said("pools", selected={"r2": 9}) == []


def test_an_empty_data_set_is_bad():
    assert said("rows", selected={"r1": 0, "r2": 0}) == [
        ("bad", "The dataset is empty: each of 100 rows was rejected; loosen what rejects most, below.")
    ]
    assert said("rows") == [("good", "The dataset has 20 of 100 rows made (20 %).")]


@pytest.mark.parametrize(
    ("shared", "states"),
    [
        (None, ["look"]),
        ({}, ["good"]),
        ({"8-gram": 0}, ["good"]),
        ({"13-gram": 1}, ["bad"]),
        ({"13-gram": 0, "8-gram": 2}, ["bad"]),
    ],
)
def test_shared_text_is_told_by_its_share_of_the_data_set(shared: dict[str, int] | None, states: list[str]):
    assert [state for state, _ in said("contamination", shared=shared)] == states
    few = said("contamination", shared={"8-gram": 1}, selected={"r1": 60, "r2": 60})
    [(state, text)] = few
    assert state == "look" and text.startswith("1 of 120 rows share text with an evaluation set")
    assert text.endswith("to remove them add 8-gram to select.contamination.")


def test_rows_that_were_dropped_for_shared_text_are_told():
    lost = counts(select_=counted("select", "", 100, 3, "contaminated"))
    [(state, text)] = said("contamination", counts=lost)
    assert state == "good" and text.endswith(" 3 rows that did were removed.")


@pytest.mark.parametrize(("lost", "state"), [(0, "good"), (14, "good"), (15, "look"), (60, "bad")])
@pytest.mark.parametrize(("stage", "about"), [("respond", "answers"), ("rate", "ratings")])
def test_lost_answers_and_ratings_are_counted_over_all_pools(stage: str, about: str, lost: int, state: str):
    [(found, text)] = said(about, counts=counts(**{f"{stage}_r1": counted(stage, "r1", 100, lost)}))
    assert found == state and text.startswith(f"{lost} of 300 ")
    assert ("What failed" in text) == (state != "good")


@pytest.mark.parametrize(("lost", "state"), [(19, "good"), (20, "look"), (50, "bad")])
def test_the_round_that_loses_most_is_named(lost: int, state: str):
    [found] = said("rounds", counts=counts(evolve_r2=counted("evolve", "r2", 100, lost)))
    assert found[0] == state
    assert found[1].startswith(f"r2 rejects the largest share of rewritten rows, {lost} of 100 ({lost} %)")
    assert ("evolve.on_failure" in found[1]) == (state != "good")


def test_difficulty_rises_or_falls_or_is_unknown():
    assert said("difficulty", difficulty={"r0": 30.0, "r1": 40.0, "r2": 55.55})[0][0] == "good"
    [(state, text)] = said("difficulty", difficulty={"r0": 30.0, "r1": 29.0, "r2": 55.0})
    assert state == "look" and "from 30.0 in r0 to 55.0 in r2, but r1 is easier than r0; read some" in text
    assert said("difficulty", difficulty={"r0": 30.0, "r1": float("nan")}) == []


def test_warnings_of_the_selection_are_passed_on():
    assert said("selection", warnings=["r3 turns the order round"]) == [("look", "r3 turns the order round")]


def difference(a: str, b: str, benchmark: str, value: float, width: float) -> dict[str, Any]:
    return {"a": a, "b": b, "benchmark": benchmark, "difference": value} | {
        "low": value - width,
        "high": value + width,
        "p_holm": 0.04 if abs(value) > width else 0.06,
    }


@pytest.mark.parametrize(
    ("differences", "state", "text"),
    [
        ([difference("base", "tuned", "loss", 0.5, 0.1)], "good", "tuned is better on loss than base"),
        ([difference("tuned", "base", "loss", 0.5, 0.1)], "bad", "tuned is worse on loss than base"),
        ([difference("tuned", "base", "sums", 0.5, 0.1)], "good", "tuned is better on sums than base"),
        ([difference("tuned", "base", "sums", 0.5, 0.6)], "look", "neither better nor worse than base"),
        (
            [difference("tuned", "base", name, 0.5, 0.1) for name in ("sums", "loss")],
            "look",
            "tuned is better on sums and worse on loss than base, by more than chance, on 2 benchmarks",
        ),
    ],
)
def test_a_tuned_model_is_held_against_its_base(differences: list[Any], state: str, text: str):
    higher = {"loss": False, "sums": True}
    [(found, own)] = said("training", differences=differences, higher=higher)
    assert found == state and text in own


def test_a_figure_of_a_dry_run_says_so_beside_it():
    found = [difference("tuned", "base", "sums", 0.5, 0.1)]
    [(_, own)] = said("training", differences=found, higher={"sums": True}, label="DRY RUN")
    assert own.startswith("tuned is better on sums") and own.endswith("DRY RUN says nothing about the data.")
