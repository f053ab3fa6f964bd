"""A training that went out of all bounds is said, and leaves no model."""

from __future__ import annotations

import math

import pytest
import torch

from evobuild.core.errors import UserError
from evobuild.training.divergence import refuse_diverged


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_refused_with_its_step(loss: float) -> None:
    with pytest.raises(UserError, match=r"the loss of step 2 is (nan|inf).*lower scratch\.learning_rate"):
        refuse_diverged([1.0, loss], torch.nn.Linear(1, 1), "scratch.learning_rate")


def test_a_weight_that_is_no_number_is_refused() -> None:
    model = torch.nn.Linear(1, 1)
    refuse_diverged([1.0], model, "x")
    with torch.no_grad():
        model.weight.fill_(math.inf)
    with pytest.raises(UserError, match="the last step left weights that are no numbers"):
        refuse_diverged([1.0], model, "x")
