"""Draws: distributed as temperature and top-p say, each row's its own."""

from __future__ import annotations

import math

import pytest
import torch

from evobuild.core.chat import Message, Request, Sampling
from evobuild.models import sampling
from evobuild.models.sampling import Draw, uniforms

PROBABILITIES = (0.5, 0.25, 0.15, 0.07, 0.03)


def reshaped(temperature: float, top_p: float) -> list[float]:
    """What should be drawn from PROBABILITIES: the fewest most probable that reach top_p, renormalised."""
    heated = [share ** (1 / temperature) for share in PROBABILITIES]
    heated = [share / sum(heated) for share in heated]
    kept = [share if sum(heated[:place]) < top_p else 0.0 for place, share in enumerate(heated)]
    return [share / sum(kept) for share in kept]


@pytest.mark.parametrize("first", [1, 2, sampling.NUCLEUS])
@pytest.mark.parametrize(
    ("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.8), (1.0, 0.4), (0.7, 0.95)]
)
def test_draws_follow_temperature_and_top_p(
    temperature: float, top_p: float, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "NUCLEUS", first)
    rounds, rows = 100, 40
    request = Request("any", "respond", (Message("user", "any"),), Sampling(temperature, top_p))
    numbers = [uniforms(request, number, 0, rounds) for number in range(rows)]
    draw = Draw(torch, [request.sampling] * rows, numbers, "cpu")
    logits_B_V = torch.tensor(PROBABILITIES).log().expand(rows, -1) + 3
    counts = torch.zeros(len(PROBABILITIES))
    for _ in range(rounds):
        counts += torch.bincount(draw(None, logits_B_V).argmax(-1), minlength=len(PROBABILITIES))
    wanted = [share * rounds * rows for share in reshaped(temperature, top_p)]
    squares = [
        (count - want) ** 2 / want if want else count * math.inf if count else 0.0
        for count, want in zip(counts.tolist(), wanted, strict=True)
    ]
    assert sum(squares) < 18.5  # chi-square with 4 degrees of freedom: one draw in a thousand lies above


def test_numbers_go_on_where_they_stopped() -> None:
    request = Request("any", "respond", (Message("user", "any"),), Sampling(1.0, seed=4))
    assert uniforms(request, 0, 0, 9) == uniforms(request, 0, 0, 4) + uniforms(request, 0, 4, 5)
    assert uniforms(request, 0, 0, 9) != uniforms(request, 1, 0, 9)


def test_rows_of_every_kind_share_a_batch() -> None:
    logits_B_V = torch.tensor([[0.0, 3.0, 1.0, 2.0]]).expand(4, -1)
    kinds = [Sampling(), Sampling(1.0), Sampling(1.0, 0.1, logprobs=2), Sampling(1e-9, logprobs=1)]
    draw = Draw(torch, kinds, [[0.999]] * 4, "cpu")
    assert draw(None, logits_B_V).argmax(-1).tolist() == [1, 3, 1, 1]
    logprobs = logits_B_V[0].log_softmax(-1).tolist()
    wanted = [[logprobs[1], logprobs[1], logprobs[3]]]
    assert draw.logprobs() == [[], [], wanted, wanted]
    assert draw.tokens() == [[], [], [[1, 1, 3]], [[1, 1, 3]]]


def test_greedy_rows_need_no_processor() -> None:
    assert Draw(torch, [Sampling(), Sampling()], [[], []], "cpu").idle
    assert not Draw(torch, [Sampling(), Sampling(logprobs=1)], [[], []], "cpu").idle
