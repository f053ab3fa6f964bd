"""Losses: known by hand on models whose logits are known, and held against transformers row by row."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace

import pytest
import tiny
import torch

from evobuild import losses
from evobuild.frame.errors import UserError
from evobuild.losses import Pair

V = 50


class Known:
    """A model that gives `share` of the probability to the true next token, the rest evenly to the others."""

    device = "cpu"

    def __init__(self, share: float) -> None:
        self.share = share
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __call__(self, input_ids, attention_mask, use_cache):
        self.seen.append((input_ids, attention_mask))
        probabilities_B_T_V = torch.full((*input_ids.shape, V), (1 - self.share) / (V - 1))
        following = input_ids.roll(-1, 1).unsqueeze(2)
        probabilities_B_T_V.scatter_(2, following, self.share)
        return SimpleNamespace(logits=probabilities_B_T_V.log())


class SecondHalf(Known):
    """Uniform on tokens below 25, and certain to one part in four of the others."""

    def __call__(self, input_ids, attention_mask, use_cache):
        uniform_B_T_V = torch.zeros((*input_ids.shape, V))
        known_B_T_V = Known(0.25)(input_ids, attention_mask, use_cache).logits
        return SimpleNamespace(
            logits=torch.where((input_ids.roll(-1, 1) < 25).unsqueeze(2), uniform_B_T_V, known_B_T_V)
        )


def some_pairs(count: int, size: int) -> list[Pair]:
    """Pairs of random ids, of many lengths."""
    draw = random.Random(3)
    ids = lambda most: [draw.randrange(6, size) for _ in range(draw.randint(1, most))]  # noqa: E731
    return [Pair(f"p{number}", [0, *ids(30)], ids(40), False) for number in range(count)]


def by_id(measured) -> dict[str, losses.Losses]:
    return {each.id: each for each in measured}


@pytest.mark.parametrize(("share", "loss"), [(1 / V, math.log(V)), (0.5, math.log(2)), (0.1, math.log(10))])
def test_every_token_costs_minus_log_of_its_probability(share: float, loss: float) -> None:
    pairs = [Pair("a", [0, 7, 8], [9], False), Pair("b", [0, 7], [9, 10, 11, 12], True)]
    for each in losses.measure(Known(share), pairs, 1000):
        assert (each.loss_q, each.loss_a_given_q, each.loss_a) == pytest.approx((loss,) * 3, abs=1e-5)


def test_means_are_over_the_question_and_over_the_answer_separately() -> None:
    # Question 10, 30: one token at ln 50, one at ln 4. Answer 31, 32, 5: two at ln 4, one at ln 50.
    (each,) = losses.measure(SecondHalf(1), [Pair("a", [0, 10, 30], [31, 32, 5], False)], 100)
    assert (each.question_tokens, each.answer_tokens) == (2, 3)
    assert each.loss_q == pytest.approx((math.log(50) + math.log(4)) / 2, abs=1e-5)
    assert each.loss_a_given_q == each.loss_a == pytest.approx((math.log(50) + 2 * math.log(4)) / 3, abs=1e-5)


def test_both_passes_score_the_same_answer_tokens_after_a_start_token() -> None:
    model = Known(0.5)
    list(losses.measure(model, [Pair("a", [1, 7, 8], [9, 10], False)], 100))
    assert [ids.tolist() for ids, _ in model.seen] == [[[1, 7, 8, 9, 10]], [[1, 9, 10]]]


def test_padding_is_masked_and_stands_at_the_end() -> None:
    model = Known(0.5)
    list(losses.measure(model, [Pair("a", [1, 7], [9], False), Pair("b", [1, 7, 8], [9, 9], False)], 100))
    assert model.seen[0][1].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


@pytest.mark.parametrize("batch_tokens", [1, 90, 400, 10_000])
def test_losses_do_not_depend_on_batches_or_order(batch_tokens: int) -> None:
    pairs = some_pairs(12, 300)
    alone = {pair.id: next(losses.measure(tiny.model(), [pair], 1)) for pair in pairs}
    together = by_id(losses.measure(tiny.model(), reversed(pairs), batch_tokens))
    assert together.keys() == alone.keys()
    for key, each in together.items():
        assert each[4:] == pytest.approx(alone[key][4:], abs=1e-5)


@pytest.mark.parametrize(("batch_tokens", "sizes"), [(1, [1, 1, 1]), (6, [2, 1]), (12, [3])])
def test_a_batch_holds_no_more_padded_tokens_than_allowed(batch_tokens: int, sizes: list[int]) -> None:
    model = Known(0.5)
    pairs = [Pair(str(number), [0, 7], [9] * length, False) for number, length in enumerate((1, 1, 2))]
    list(losses.measure(model, pairs, batch_tokens))
    assert [len(ids) for ids, _ in model.seen[::2]] == sizes


def test_losses_agree_with_transformers_one_row_at_a_time() -> None:
    model = tiny.model()
    for pair in some_pairs(5, 300):
        (each,) = losses.measure(model, [pair], 1)
        for given, scored, found in (
            (pair.question[:1], pair.question[1:], each.loss_q),
            (pair.question, pair.answer, each.loss_a_given_q),
            (pair.question[:1], pair.answer, each.loss_a),
        ):
            labels = torch.tensor([[-100] * len(given) + scored])
            with torch.inference_mode():
                loss = model(input_ids=torch.tensor([given + scored]), labels=labels).loss.item()
            assert found == pytest.approx(loss, abs=1e-5)


def test_question_and_answer_are_tokenized_apart() -> None:
    tokenizer = tiny.tokenizer()
    pair = losses.pair(tokenizer, "a", losses.plain(tokenizer, "Two an"), "d five", 100)
    assert isinstance(pair, Pair)
    apart = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("Two an", "d five")]
    assert [pair.question, pair.answer] == [[tokenizer.bos_token_id, *apart[0]], apart[1]]
    assert pair.question[1:] + pair.answer != tokenizer("Two and five", add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    ("room", "kept", "truncated"), [(100, 5, False), (5, 5, False), (4, 4, True), (1, 1, True)]
)
def test_a_longer_answer_is_cut_at_its_end_and_marked(room: int, kept: int, truncated: bool) -> None:
    tokenizer = tiny.tokenizer()
    question = losses.plain(tokenizer, "x")
    pair = losses.pair(tokenizer, "a", question, "%%%%%", len(question) + room)
    assert isinstance(pair, Pair)
    assert (len(pair.answer), pair.truncated) == (kept, truncated)


@pytest.mark.parametrize(
    ("answer", "max_length", "why"), [("", 9, "empty answer"), ("x", 3, "no room for the answer")]
)
def test_what_has_no_answer_tokens_gives_its_reason(answer: str, max_length: int, why: str) -> None:
    assert losses.pair(tiny.tokenizer(), "a", [0, 7, 8], answer, max_length) == why


@pytest.mark.parametrize(
    ("bos", "eos", "pad", "start"), [(1, 2, 3, 1), (0, 2, 3, 0), (None, 2, 3, 2), (None, None, 3, 3)]
)
def test_the_start_token_is_the_first_there_is(bos, eos, pad, start) -> None:
    assert losses.start_token(SimpleNamespace(bos_token_id=bos, eos_token_id=eos, pad_token_id=pad)) == start


def test_a_tokenizer_without_special_tokens_is_refused() -> None:
    with pytest.raises(UserError, match="no bos, eos or pad token"):
        losses.start_token(SimpleNamespace(bos_token_id=None, eos_token_id=None, pad_token_id=None))


def test_ifd_is_a_ratio_of_losses() -> None:
    assert losses.ifd(83.04, 35.89) == pytest.approx(2.3137, abs=1e-4)  # as published in arXiv:2412.11231
    assert losses.ifd(1.5, 2.0) == 0.75


def test_ifd_of_perplexities_is_a_ratio_of_exponentials() -> None:
    assert losses.ifd_ppl(math.log(6), math.log(8)) == pytest.approx(0.75)


def test_ic_ifd_divides_by_the_questions_loss() -> None:
    assert losses.ic_ifd(2.0, 1.6, 2.0) == pytest.approx(0.4)


def test_the_answers_losses_alone_are_the_same() -> None:
    pairs = some_pairs(9, 30)
    both = {each.id: each.loss_a_given_q for each in losses.measure(tiny.model(), pairs, 200)}
    assert dict(losses.answer_losses(tiny.model(), reversed(pairs), 200)) == pytest.approx(both)
