"""Scores of answered instructions by a causal language model, one row a score or a reject."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evobuild import losses, weights
from evobuild.frame.params import Score as ScoreParams
from evobuild.frame.tables import Instruction, Reject
from evobuild.frame.uri import Weights


class Score(NamedTuple):
    """Losses in nats per token, and their ratios; see `losses`."""

    id: str
    question_tokens: int
    answer_tokens: int
    truncated: bool
    loss_q: float
    loss_a_given_q: float
    loss_a: float
    ifd: float
    ifd_ppl: float
    ic_ifd: float


def question(row: Instruction) -> str:
    """The plain text before an answer: earlier turns, instruction and input, each on its own lines."""
    turns = [content for _, content in row.history]
    return "\n".join([*turns, row.instruction, *filter(None, [row.input])]) + "\n"


def score(rows: Iterable[Instruction], scorer: Weights, params: ScoreParams) -> Iterator[Score | Reject]:
    """Score each row; every row gives one score or one reject, in any order.

    Raises UserError if the scorer cannot be loaded.
    """
    tokenizer = weights.tokenizer(scorer)
    limit = min(params.max_length, weights.context(scorer))
    pairs: list[losses.Pair] = []
    for row in rows:
        pair = losses.pair(tokenizer, row.id, losses.plain(tokenizer, question(row)), row.output, limit)
        if isinstance(pair, str):
            yield Reject(row.id, pair, "", row.output)
        else:
            pairs.append(pair)
    for measured in losses.measure(weights.causal_lm(scorer), pairs, params.batch_tokens) if pairs else ():
        yield _score(measured)


def _score(measured: losses.Losses) -> Score | Reject:
    asked, given, alone = measured.loss_q, measured.loss_a_given_q, measured.loss_a
    detail = f"L(Q) {asked}, L(A|Q) {given}, L(A) {alone}"
    if not math.isfinite(asked + given + alone):
        return Reject(measured.id, "loss not finite", detail, "")
    if asked == 0 or alone == 0:
        return Reject(measured.id, "zero loss", detail, "")
    return Score(
        *measured,
        losses.ifd(given, alone),
        losses.ifd_ppl(given, alone),
        losses.ic_ifd(asked, given, alone),
    )
