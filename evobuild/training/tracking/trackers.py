"""Weights & Biases and TensorBoard: named in machine.yaml, or nothing of a tuning leaves this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import util
from typing import Any

from evobuild.core.errors import MissingExtra

FOLDER = ".evobuild/trackers"


def tracker_arguments(trackers: Sequence[str], name: str) -> dict[str, Any]:
    """Build the TrainingArguments of the trackers in machine.yaml; unnamed trackers get nothing.

    trackers: "wandb", "tensorboard". name: of the base, which the run is called by. Where they write, and to
    which project, is theirs to say by their own variables; else .evobuild/trackers, and evobuild.

    Raises MissingExtra if the package of one is not installed.
    """
    # A variable of a cluster would add a reporter that nobody named.
    os.environ["DISABLE_KUBEFLOW_INTEGRATION"] = "TRUE"
    for tracker in trackers:
        if util.find_spec(tracker) is None:
            raise MissingExtra(
                f"machine.yaml: training.trackers names '{tracker}', which is not installed; "
                f"install it with: pip install {tracker}"
            )
    if not trackers:
        return {"report_to": "none"}
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", f"{FOLDER}/tensorboard/{name}")
    os.environ.setdefault("WANDB_DIR", FOLDER)
    os.environ.setdefault("WANDB_PROJECT", "evobuild")
    return {"report_to": [*trackers], "run_name": name}
