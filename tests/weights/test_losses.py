"""Losses: known by hand on models whose logits are known, and held against transformers row by row."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace

import pytest
import tiny
import torch
from known import Known, V, read_known

from evobuild.weights import losses
from evobuild.weights.likelihood import Reader
from evobuild.weights.losses import Pair


class SecondHalf(Known):
    """Uniform on tokens below 25, and certain to one part in four of the others."""

    def __call__(self, input_ids, use_cache):
        uniform_B_T_V = torch.zeros((*input_ids.shape, V))
        known_B_T_V = Known(0.25)(input_ids, use_cache).logits
        return SimpleNamespace(
            logits=torch.where((input_ids.roll(-1, 1) < 25).unsqueeze(2), uniform_B_T_V, known_B_T_V)
        )


def a_pair(key: str, question: list[int], answer: list[int], truncated: bool = False) -> Pair:
    start, own = len(question), ((1, len(question)),)
    return Pair(key, question + answer, own, start, question[:1] + answer, 1, truncated)


def some_pairs(count: int, size: int) -> list[Pair]:
    """Pairs of random ids, of many lengths."""
    draw = random.Random(3)
    ids = lambda most: [draw.randrange(6, size) for _ in range(draw.randint(1, most))]  # noqa: E731
    return [a_pair(f"p{number}", [0, *ids(30)], ids(40)) for number in range(count)]


def by_id(measured) -> dict[str, losses.Losses]:
    return {each.id: each for each in measured}


@pytest.mark.parametrize(("share", "loss"), [(1 / V, math.log(V)), (0.5, math.log(2)), (0.1, math.log(10))])
def test_every_token_costs_minus_log_of_its_probability(share: float, loss: float) -> None:
    pairs = [a_pair("a", [0, 7, 8], [9]), a_pair("b", [0, 7], [9, 10, 11, 12], True)]
    found = by_id(losses.pair_losses(read_known(Known(share)), pairs))
    assert [found["a"].truncated, found["b"].truncated] == [False, True]
    for each in found.values():
        assert (each.loss_q, each.loss_a_given_q, each.loss_a) == pytest.approx((loss,) * 3, abs=1e-5)


def test_means_are_over_the_question_and_over_the_answer_separately() -> None:
    # Question 10, 30: one token at ln 50, one at ln 4. Answer 31, 32, 5: two at ln 4, one at ln 50.
    (each,) = losses.pair_losses(read_known(SecondHalf(1)), [a_pair("a", [0, 10, 30], [31, 32, 5])])
    assert (each.question_tokens, each.answer_tokens) == (2, 3)
    assert each.loss_q == pytest.approx((math.log(50) + math.log(4)) / 2, abs=1e-5)
    assert each.loss_a_given_q == each.loss_a == pytest.approx((math.log(50) + 2 * math.log(4)) / 3, abs=1e-5)


def test_separators_and_roles_are_in_no_mean_and_stretches_of_a_question_are_one() -> None:
    # Tokens from 25 on cost ln 4, the others ln 50. Of 5 in between and 6 before the answer nothing is told.
    pair = Pair("a", [0, 30, 5, 10, 11, 6, 31], ((1, 2), (3, 5)), 6, [0, 6, 31], 2, False)
    (each,) = losses.pair_losses(read_known(SecondHalf(1)), [pair])
    assert (each.question_tokens, each.answer_tokens) == (3, 1)
    assert each.loss_q == pytest.approx((math.log(4) + 2 * math.log(50)) / 3, abs=1e-5)
    assert each.loss_a_given_q == each.loss_a == pytest.approx(math.log(4), abs=1e-5)


def test_a_question_of_no_tokens_has_no_loss() -> None:
    (each,) = losses.pair_losses(read_known(Known(0.5)), [Pair("a", [0, 6, 7], (), 2, [0, 6, 7], 2, False)])
    assert (each.question_tokens, each.loss_q) == (0, 0)


def test_two_documents_give_all_three_losses() -> None:
    model = Known(0.5)
    reader = read_known(model)
    model.seen.clear()
    list(losses.pair_losses(reader, [a_pair("a", [1, 7, 8], [9, 10])]))
    assert [ids.tolist() for ids in model.seen] == [[[1, 7, 8, 9, 10]], [[1, 9, 10]]]


def test_losses_agree_with_transformers_one_row_at_a_time() -> None:
    model = tiny.model()
    pairs = some_pairs(5, 300)
    found = by_id(losses.pair_losses(Reader(model), pairs))
    for pair in pairs:
        start, asked, answer = pair.both[:1], pair.both[1 : pair.answer_start], pair.both[pair.answer_start :]
        ours = found[pair.id]
        for given, scored, loss in (
            (start, asked, ours.loss_q),
            (start + asked, answer, ours.loss_a_given_q),
            (start, answer, ours.loss_a),
        ):
            labels = torch.tensor([[-100] * len(given) + scored])
            with torch.inference_mode():
                wanted = model(input_ids=torch.tensor([given + scored]), labels=labels).loss.item()
            assert loss == pytest.approx(wanted, abs=1e-5)


def test_ifd_is_a_ratio_of_losses() -> None:
    assert losses.ifd(83.04, 35.89) == pytest.approx(2.3137, abs=1e-4)  # as published in arXiv:2412.11231
    assert losses.ifd(1.5, 2.0) == 0.75


def test_ifd_of_perplexities_is_a_ratio_of_exponentials() -> None:
    assert losses.ifd_ppl(math.log(6), math.log(8)) == pytest.approx(0.75)


def test_ic_ifd_divides_by_the_questions_loss() -> None:
    assert losses.ic_ifd(2.0, 1.6, 2.0) == pytest.approx(0.4)
