"""The base and the tuned model on held-out rows: how well each predicts the reference answers.

Perplexity is the exponential of the mean loss over all answer tokens together, so that a long
answer counts by its length.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.core.errors import BadInput, UserError
from evobuild.core.tables import EVALUATION, REJECTS, Instruction, Reject, frame
from evobuild.core.uri import Weights
from evobuild.evaluation.params import Evaluate
from evobuild.weights import checkpoints, losses, tokenized_pairs
from evobuild.weights.likelihood import Reader


def compare_models(
    rows: Sequence[Instruction], base: Weights, tuned: Path, params: Evaluate
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Measure both models on the same answer tokens; give a table of losses in nats, and the rejects.

    Without rows nothing is measured. Raises BadInput if of several none can be, UserError if a loss is not
    finite.
    """
    if not rows:
        return frame(EVALUATION, []), frame(REJECTS, [])
    tokenizer = checkpoints.load_chat_tokenizer(base)
    limit = min(params.max_length, checkpoints.context_length(base))
    pairs: list[losses.Pair] = []
    rejects: list[Reject] = []
    for found in tokenized_pairs.tokenize_pairs(tokenizer, "chat", rows, limit):
        if isinstance(found, Reject):
            rejects.append(found)
        else:
            pairs.append(found)
    if not pairs:
        raise BadInput(f"none of {len(rows)} held-out rows can be measured; the first: {rejects[0].reason}")
    before, after = _losses(base, pairs), _losses(Weights(str(tuned)), pairs)
    table = [(pair.id, len(pair.both) - pair.answer_start, before[pair.id], after[pair.id]) for pair in pairs]
    return frame(EVALUATION, table), frame(REJECTS, rejects)


def _losses(model: Weights, pairs: Sequence[losses.Pair]) -> dict[str, float]:
    reader = Reader(checkpoints.load_causal_lm(model))
    found = dict(losses.answer_losses(reader, pairs))
    for row, loss in found.items():
        if not math.isfinite(loss):
            raise UserError(
                f"the model '{model}' has a loss of {loss} on the held-out row {row}; "
                "if training spoilt it, lower finetune.learning_rate"
            )
    return found


def evaluation_metrics(table: pl.DataFrame, rejects: pl.DataFrame) -> dict[str, Any]:
    """Sum an evaluation up: rows, and of each model the loss in nats per token and the perplexity.

    Both are null where no row was measured.
    """
    if not table.height:
        nothing = dict.fromkeys(("base", "tuned"))
        return {"held_out": {"measured": 0, "rejected": 0}, "loss": nothing, "perplexity": nothing}
    tokens = table["answer_tokens"].to_list()
    loss = {
        name: math.fsum(map(operator.mul, table[f"loss_{name}"], tokens)) / sum(tokens)
        for name in ("base", "tuned")
    }
    return {
        "held_out": {"measured": table.height, "rejected": rejects.height},
        "loss": {name: round(value, 6) for name, value in loss.items()},
        "perplexity": {name: round(math.exp(value), 4) for name, value in loss.items()},
    }
