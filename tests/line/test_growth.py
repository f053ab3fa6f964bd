"""A source that grows by a hundredth: what stands stays, and little more than the new rows is asked about."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import growth
import pytest
from growth import Build

ROWS, MORE = 400, 4
CONSTRAINTS = 8
"""Of the branch; the sandbox runs the functions of each."""
MOST = 0.015
"""Share of the calls of a stage that may be new."""
SMALL = {
    "models": {"tagger": "simulated:large"},
    "optimize": {"development": 16, "candidates": 2, "steps": 3},
    "autoif": {"augment": {"rounds": 1, "count": 2}, "verifiers": {"count": 2}, "compose": {"count": 8}},
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Build, Build]]:
    """Build before and after rows are added at some places; the first of the two once for each strategy."""
    records = growth.made_records(ROWS + MORE)
    first: dict[str, tuple[Path, Build]] = {}

    def build(strategy: str, where: str) -> tuple[Build, Build]:
        if strategy not in first:
            root = tmp_path_factory.mktemp("small")
            growth.lay_out(root, strategy, 1, SMALL)
            constraints = (root / "data/raw/constraints.txt").read_text().splitlines(keepends=True)
            (root / "data/raw/constraints.txt").write_text("".join(constraints[:CONSTRAINTS]))
            first[strategy] = root, growth.build(root, records[:ROWS], strategy)
        root, before = first[strategy]
        # Each with the replies of the first alone.
        grown = tmp_path_factory.mktemp("grown") / "project"
        shutil.copytree(root, grown)
        return before, growth.build(grown, growth.put_in(records[:ROWS], records[ROWS:], where), strategy)

    return build


@pytest.mark.parametrize("strategy", growth.STRATEGIES)
def test_rows_at_the_end_ask_little_more_than_they_are_of_every_stage(built, strategy: str) -> None:
    before, after = built(strategy, "end")
    asking = {"auto, e*": 8, "auto, e0": 7, "evol": 6, "autoif": 7}
    assert len(after.asked) == asking[strategy]
    assert after.worst[0] <= MOST, after
    assert after.method == before.method
    assert before.held_out <= after.held_out and before.r0 <= after.r0
    if strategy != "autoif":
        assert 0 < sum(after.new.values()) < sum(after.asked.values())


@pytest.mark.parametrize("where", ["front", "random"])
@pytest.mark.parametrize("strategy", ["auto, e0", "evol"])
def test_rows_put_in_elsewhere_move_no_row_that_stands(built, strategy: str, where: str) -> None:
    before, after = built(strategy, where)
    few = ("keywords", "tag")
    assert max(share for name, share in after.shares.items() if name not in few) <= MOST, after
    assert before.held_out <= after.held_out and before.r0 <= after.r0
