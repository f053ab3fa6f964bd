"""The roster of stages: its order, and the names of what a stage leaves and of what DVC calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evobuild.core import stages
from evobuild.core.stages import ASKED, LAST_OF_BRANCH, OF_ALL_POOLS, OF_BRANCHES, STAGES, pool_runs

NAMES = [stage.name for stage in STAGES]
OF_POOLS = list(dict.fromkeys(run.stage for run in pool_runs(["r0"])))


def test_every_stage_is_a_script_and_stands_once():
    scripts = {path.stem for path in Path("stages").glob("[!_]*.py")}
    assert set(NAMES) == scripts and len(NAMES) == len(scripts)


def test_a_stage_that_takes_all_pools_leaves_one_file_and_has_one_address():
    each, at_once = ["respond", "rate"], [name for name in OF_POOLS if name in OF_ALL_POOLS]
    assert stages.pool_stems(["r0", "r1"]) == ["respond-r0", "respond-r1", "rate-r0", "rate-r1", *at_once]
    assert stages.pool_addresses(["r0", "r1"]) == [f"{s}@{p}" for s in each for p in ("r0", "r1")] + at_once


@pytest.mark.parametrize(
    ("stage", "name", "stem", "address"),
    [
        ("evolve", "r1", "evolve-r1", "evolve@r1"),
        ("score", "r1", "score", "score"),
        ("select", "", "select", "select"),
    ],
)
def test_what_a_stage_leaves_is_named_after_it_and_after_its_entry(stage, name, stem, address):
    assert stages.file_stem(stage, name) == stem
    assert stages.stage_address(stage, name) == address


def test_the_steps_of_a_branch_are_stages_in_order_and_the_last_gives_its_rows():
    steps = [step.name for step in OF_BRANCHES]
    assert steps == [name for name in NAMES if name in steps]
    assert stages.branch_addresses(["autoif"])[0] == "augment@autoif"
    assert len(stages.branch_addresses(["autoif", "other"])) == 2 * len(steps)
    assert steps[-1] == LAST_OF_BRANCH
    assert {step.name for step in OF_BRANCHES if step.asks} < set(steps)


def test_pools_are_answered_before_they_are_measured_and_branches_before_both():
    assert [name for name in NAMES if name in OF_POOLS] == OF_POOLS
    assert NAMES.index(LAST_OF_BRANCH) < NAMES.index(OF_POOLS[0])


def test_whoever_is_asked_plays_a_role():
    assert set(ASKED.values()) == {"evolver", "responder", "judge", "tagger", "evaluated"}
    assert not {"seed", "select", "score"} & ASKED.keys()
