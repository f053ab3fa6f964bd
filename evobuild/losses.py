"""Losses of a causal language model on instruction and answer, and what is made of them.

L(Q), L(A|Q) and L(A) are means of token cross-entropy in nats. Two forward passes give all three:
one over question and answer, one over the answer alone. The seam is exact: ids are concatenated,
never re-tokenized, and both passes score the same answer tokens after a start token.
Sources: IFD, Li et al. 2024, arXiv:2308.12032; IC-IFD, Hui et al. 2024, arXiv:2412.11231.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evobuild.frame.errors import UserError, require

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Pair(NamedTuple):
    """A question and its answer as token ids; the question begins with a start token that is not scored."""

    id: str
    question: list[int]
    answer: list[int]
    truncated: bool


class Losses(NamedTuple):
    """What a model makes of a pair: mean nats per token, and how many tokens."""

    id: str
    question_tokens: int
    answer_tokens: int
    truncated: bool
    loss_q: float
    loss_a_given_q: float
    loss_a: float


def ifd(given: float, alone: float) -> float:
    """How little the question helps with the answer: L(A|Q) / L(A), dimensionless.

    Near 0 the question decides the answer; 1: it does not help; above 1 it misleads.
    """
    return given / alone


def ifd_ppl(given: float, alone: float) -> float:
    """The same as a ratio of perplexities, exp(L(A|Q)) / exp(L(A)); it ranks differently.

    Source: Superfiltering, Li et al. 2024, arXiv:2402.00530.
    """
    return math.exp(given - alone)


def ic_ifd(question: float, given: float, alone: float) -> float:
    """IFD over the question's own loss: L(A|Q) / (L(Q) · L(A)), in 1/nats.

    A hard question no longer lifts the score by being hard. Instance: IFD 0.8 at L(Q) = 2 -> 0.4.
    """
    return given / (question * alone)


def start_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token before which nothing stands: bos, else eos, else pad.

    Raises UserError if the tokenizer has none of them.
    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id):
        if token is not None:
            return int(token)
    raise UserError("the scorer's tokenizer has no bos, eos or pad token to start a sequence with")


def plain(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """A start token, and the ids of a plain text."""
    return [start_token(tokenizer), *_ids(tokenizer, text)]


def pair(
    tokenizer: PreTrainedTokenizerBase, key: str, question: list[int], answer: str, max_length: int
) -> Pair | str:
    """Tokenize an answer by itself and put it beside its question.

    question: ids of all that stands before the answer, the first not scored: of `plain`, or of a chat prompt.
    max_length: tokens of both; a longer answer is cut at its end. Returns why it cannot be scored
    if there is no answer, or none is left after the cut.
    """
    answer_ids = _ids(tokenizer, answer)
    room = max_length - len(question)
    if not answer_ids:
        return "empty answer"
    if room < 1:
        return "no room for the answer"
    return Pair(key, question, answer_ids[:room], len(answer_ids) > room)


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def measure(model: PreTrainedModel, pairs: Iterable[Pair], batch_tokens: int) -> Iterator[Losses]:
    """Give each pair's losses, in any order.

    batch_tokens: padded tokens per forward pass; a longer sequence stands alone.
    """
    for batch in _batches(pairs, batch_tokens):
        both = _token_losses(model, [item.question + item.answer for item in batch])
        alone = _token_losses(model, [item.question[:1] + item.answer for item in batch])
        for item, both_T, alone_T in zip(batch, both, alone, strict=True):
            seam = len(item.question) - 1
            yield Losses(
                item.id,
                seam,
                len(item.answer),
                item.truncated,
                _mean(both_T[:seam]),
                _mean(both_T[seam:]),
                _mean(alone_T),
            )


def answer_losses(
    model: PreTrainedModel, pairs: Iterable[Pair], batch_tokens: int
) -> Iterator[tuple[str, float]]:
    """Give each pair's id and L(A|Q) in any order: the same as `measure` finds, in one pass of its two."""
    for batch in _batches(pairs, batch_tokens):
        both = _token_losses(model, [item.question + item.answer for item in batch])
        for item, both_T in zip(batch, both, strict=True):
            yield item.id, _mean(both_T[len(item.question) - 1 :])


def _batches(pairs: Iterable[Pair], batch_tokens: int) -> Iterator[list[Pair]]:
    batch: list[Pair] = []
    for item in sorted(pairs, key=lambda item: (len(item.question) + len(item.answer), item.id)):
        if batch and (len(batch) + 1) * (len(item.question) + len(item.answer)) > batch_tokens:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _token_losses(model: PreTrainedModel, sequences: list[list[int]]) -> list[list[float]]:
    """The loss of every token but the first of each sequence, in nats."""
    torch: Any = require("torch", "train")
    width = max(map(len, sequences))
    # Padding stands at the end, where a causal model does not see it from the tokens that count.
    ids_B_T = torch.tensor([ids + [0] * (width - len(ids)) for ids in sequences], device=model.device)
    mask_B_T = torch.tensor(
        [[1] * len(ids) + [0] * (width - len(ids)) for ids in sequences], device=model.device
    )
    with torch.inference_mode():
        logits_B_T_V = model(input_ids=ids_B_T, attention_mask=mask_B_T, use_cache=False).logits
        # Position t predicts token t + 1; the last one predicts nothing and is dropped below.
        losses_N = torch.nn.functional.cross_entropy(
            logits_B_T_V.flatten(0, 1).float(), ids_B_T.roll(-1, 1).flatten(), reduction="none"
        )
        losses_B_T = losses_N.view(ids_B_T.shape)
    return [losses_T[: len(ids) - 1] for losses_T, ids in zip(losses_B_T.tolist(), sequences, strict=True)]


def _mean(losses: Sequence[float]) -> float:
    return math.fsum(losses) / len(losses) if losses else 0.0
