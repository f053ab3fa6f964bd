"""Losses of a causal language model on question and answer, and what is made of them.

L(Q), L(A|Q) and L(A) are means of token cross-entropy in nats. Two documents give all three: question
and answer, read together, and the answer alone. Where they meet `tokenized_pairs` decides.
Sources: IFD, Li et al. 2024, arXiv:2308.12032; IC-IFD, Hui et al. 2024, arXiv:2412.11231.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evobuild.weights.likelihood import Document, Reader


class Pair(NamedTuple):
    """A question and its answer as token ids.

    both: question and answer; its first token is not scored. answer_start: where the answer begins in it.
    alone: what may stand before an answer, not scored, and the answer.
    """

    id: str
    both: list[int]
    answer_start: int
    alone: list[int]
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


def pair_losses(reader: Reader, pairs: Sequence[Pair]) -> Iterator[Losses]:
    """Give each pair's losses, the longest pair about first."""
    documents = [
        document
        for pair in pairs
        for document in (
            Document(pair.both, ((1, pair.answer_start), (pair.answer_start, len(pair.both)))),
            Document(pair.alone, ((1, len(pair.alone)),)),
        )
    ]
    found: dict[int, tuple[float, ...]] = {}
    for place, means in reader.read(documents):
        number, is_alone = divmod(place, 2)
        if number not in found:
            found[number] = means
            continue
        other, pair = found.pop(number), pairs[number]
        asked, given, alone = (*other, *means) if is_alone else (*means, *other)
        yield Losses(
            pair.id,
            pair.answer_start - 1,
            len(pair.both) - pair.answer_start,
            pair.truncated,
            asked,
            given,
            alone,
        )


def answer_losses(reader: Reader, pairs: Sequence[Pair]) -> Iterator[tuple[str, float]]:
    """Give each pair's id and L(A|Q): the same as `pair_losses` finds, from one document of its two."""
    documents = [Document(pair.both, ((pair.answer_start, len(pair.both)),)) for pair in pairs]
    for place, (given,) in reader.read(documents):
        yield pairs[place].id, given
