"""The funnel of a branch: what each step counted, to read and to plot."""

from __future__ import annotations

import json

import pytest

from evobuild.core.stages import OF_BRANCHES
from evobuild.reporting import funnel

STEPS = [stage.name for stage in OF_BRANCHES]

LEDGERS = {
    "augment": {"in": 56, "out": 49, "rejects": {"near duplicate": 4, "heading": 3}},
    "verifiers": {"in": 196, "out": 150, "rejects": {"unparsed": 46}},
    "crosscheck": {"in": 49, "out": 12, "rejects": {"not drawn": 30, "too few functions": 7}},
    "backtranslate": {"in": 0, "out": 0, "rejects": {}, "off": True},
    "entailment": {"in": 12, "out": 12, "rejects": {}, "off": True},
    "compose": {"in": 100, "out": 80, "rejects": {"too long": 20}},
    "sample": {"in": 192, "out": 190, "rejects": {"empty": 2}},
    "verify": {"in": 190, "out": 95, "rejects": {"accuracy too low": 95}},
    "quality": {"in": 48, "out": 40, "rejects": {"no answer kept the constraint": 8}},
}


@pytest.fixture
def counts(tmp_path):
    for step, ledger in LEDGERS.items():
        (tmp_path / f"{step}-autoif.json").write_text(json.dumps(ledger))
    return tmp_path


def test_a_funnel_has_every_step_in_order_with_what_it_counts(counts):
    (steps,) = funnel.read_funnels(counts, ["autoif"]).values()
    assert [step.name for step in steps] == STEPS
    assert steps[2] == funnel.Step(
        "autoif", "crosscheck", "constraints", 49, 12, {"not drawn": 30, "too few functions": 7}, False
    )
    assert (steps[2].passed, steps[2].share) == (42, 42 / 49)
    assert all(step.rows_in == step.rows_out + sum(step.rejects.values()) for step in steps)


def test_a_step_that_is_off_has_no_share_and_no_line(counts):
    found = funnel.read_funnels(counts, ["autoif"])
    assert funnel.funnel_figures(found)["autoif"]["share"]["entailment"] is None
    assert funnel.funnel_figures(found)["autoif"]["kept"] == {
        step: each["out"] for step, each in LEDGERS.items()
    }
    lines = funnel.funnel_lines(found)
    assert all(tuple(line) == funnel.LINES for line in lines)
    assert [line["step"] for line in lines] == [
        step for step in STEPS if step not in ("backtranslate", "entailment")
    ]
    assert lines[-1] == {
        "branch": "autoif", "step": "quality", "unit": "rows",
        "in": 48, "passed": 40, "out": 40, "share": 0.8333,
    }  # fmt: skip


def test_without_branches_there_is_nothing_to_read(tmp_path):
    assert funnel.read_funnels(tmp_path, []) == {}
    assert funnel.funnel_figures({}) == {}
    assert funnel.funnel_lines({}) == []
