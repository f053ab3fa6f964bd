"""A training that went out of all bounds: its weights are no model."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from evobuild.core.errors import UserError, require


def refuse_diverged(losses: Iterable[float], model: Any, key: str) -> None:
    """Raise UserError at a loss or a weight that is no finite number. key: the param to lower."""
    torch = require("torch", "train")
    for step, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            raise UserError(f"the loss of step {step} is {loss}: the training diverged; lower {key}")
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise UserError(f"the last step left weights that are no numbers: the training diverged; lower {key}")
