"""The training curve: a row a step, a number in every cell, nothing of the clock."""

from __future__ import annotations

import pytest

from evobuild.training.tracking.curve import training_curve

START = [{"step": 0, "eval_loss": 6.0}]
STEPS = [{"step": step, "loss": 7.0 - step, "learning_rate": 0.1, "grad_norm": 1.0} for step in range(1, 6)]


@pytest.mark.parametrize(
    ("measured", "shown"),
    [({}, [6.0] * 5), ({2: 5.0, 4: 4.0}, [6.0, 5.0, 5.0, 4.0, 4.0]), ({5: 3.0}, [6.0, 6.0, 6.0, 6.0, 3.0])],
)
def test_a_held_out_loss_stays_until_the_next_one(measured, shown) -> None:
    log = [*START, *STEPS, *({"step": step, "eval_loss": loss} for step, loss in measured.items())]
    found = training_curve(log)
    assert [row["held_out_loss"] for row in found] == shown
    assert [(row["step"], row["loss"]) for row in found] == [(step, 7.0 - step) for step in range(1, 6)]
    assert {tuple(row) for row in found} == {("step", "loss", "learning_rate", "grad_norm", "held_out_loss")}


def test_without_held_out_rows_there_is_no_such_column() -> None:
    assert training_curve(STEPS) == STEPS
    assert training_curve([]) == []


def test_what_is_not_of_the_curve_is_left_out_but_for_rewards() -> None:
    log = [
        {**STEPS[0], "entropy": 5.0, "epoch": 0.1, "rewards/margins": 0.5},
        {"step": 1, "train_runtime": 9.0},
    ]
    assert training_curve(log) == [{**STEPS[0], "rewards/margins": 0.5}]
