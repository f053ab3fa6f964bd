"""Branches: what each step counted, as a funnel to read and to plot."""

from __future__ import annotations

import json

import pytest

from evobuild.core import branches

LEDGERS = {
    "augment": {"in": 56, "out": 49, "rejects": {"near duplicate": 4, "no constraint": 3}},
    "verifiers": {"in": 196, "out": 150, "rejects": {"unparsed": 46}},
    "crosscheck": {"in": 49, "out": 12, "rejects": {"not drawn": 30, "too few functions": 7}},
    "backtranslate": {"in": 0, "out": 0, "rejects": {}, "off": True},
    "nli": {"in": 12, "out": 12, "rejects": {}, "off": True},
    "compose": {"in": 100, "out": 80, "rejects": {"too long": 20}},
    "answers": {"in": 192, "out": 190, "rejects": {"empty": 2}},
    "verify": {"in": 190, "out": 95, "rejects": {"accuracy too low": 95}},
    "quality": {"in": 48, "out": 40, "rejects": {"no answer kept the constraint": 8}},
}


@pytest.fixture
def counts(tmp_path):
    for step, ledger in LEDGERS.items():
        (tmp_path / f"{step}-autoif.json").write_text(json.dumps(ledger))
    return tmp_path


def test_a_funnel_has_every_step_in_order_with_what_it_counts(counts):
    (steps,) = branches.read(counts, ["autoif"]).values()
    assert [step.name for step in steps] == list(branches.STEPS)
    assert steps[2] == branches.Step(
        "autoif", "crosscheck", "constraints", 49, 12, {"not drawn": 30, "too few functions": 7}, False
    )
    assert (steps[2].passed, steps[2].share) == (42, 42 / 49)
    assert all(step.rows_in == step.rows_out + sum(step.rejects.values()) for step in steps)


def test_a_step_that_is_off_has_no_share_and_no_line(counts):
    found = branches.read(counts, ["autoif"])
    assert branches.figures(found)["autoif"]["share"]["nli"] is None
    assert branches.figures(found)["autoif"]["kept"] == {step: each["out"] for step, each in LEDGERS.items()}
    lines = branches.lines(found)
    assert [line["step"] for line in lines] == [
        step for step in branches.STEPS if step not in ("backtranslate", "nli")
    ]
    assert lines[-1] == {
        "branch": "autoif", "step": "quality", "unit": "rows",
        "in": 48, "passed": 40, "out": 40, "share": 0.8333,
    }  # fmt: skip


def test_without_branches_there_is_nothing_to_read(tmp_path):
    assert branches.read(tmp_path, []) == {}
    assert branches.figures({}) == {}
    assert branches.lines({}) == []


def test_the_steps_are_stages_of_the_pipeline():
    assert branches.addresses(["autoif"])[0] == "augment@autoif"
    assert set(branches.ASKING) < set(branches.STEPS)
    assert list(branches.STEPS)[-1] == branches.LAST
