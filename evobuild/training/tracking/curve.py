"""The training curve as a table to plot, made of what transformers' Trainer logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HELD_OUT = "eval_loss"
"""What the Trainer calls the loss on held-out rows."""
COLUMNS = ("loss", "learning_rate", "grad_norm")
"""What it logs of a step, by the same names."""
PREFERENCES = "rewards/"
"""How TRL's figures of preferences begin."""


def training_curve(log_history: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Tabulate one row per step, with a number in every cell, because DVC plots an empty cell as 0.

    loss, held_out_loss: nats per labelled token; with DPO rewards of pairs, and no held_out_loss. That is
    measured before the first step and now and then: at other steps it is what it was when measured last.
    Without held-out rows there is no such column. Instance:
    {step: 3, loss: 2.31, learning_rate: 1e-05, grad_norm: 0.84, held_out_loss: 2.4}
    """
    steps = {entry["step"]: entry for entry in log_history if "loss" in entry}
    measured = {entry["step"]: entry[HELD_OUT] for entry in log_history if HELD_OUT in entry}
    rows = []
    last: dict[str, float] = {"held_out_loss": measured[0]} if 0 in measured else {}
    for step in sorted(steps):
        if step in measured:
            last = {"held_out_loss": measured[step]}
        names = (*COLUMNS, *(name for name in steps[step] if name.startswith(PREFERENCES)))
        rows.append(
            {"step": step, **{name: steps[step][name] for name in names if name in steps[step]}, **last}
        )
    return rows
