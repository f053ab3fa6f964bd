"""Measure how well a model predicts the reference answers of held-out rows, in nats per token.

The question is in the model's own chat template. The metric is a mean over the answer tokens of all rows, so
a long answer counts more; its exponential is the perplexity. The token that ends an answer is not scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from evobuild.core.chat import Reply
from evobuild.core.conversation import PLAIN, chat_messages
from evobuild.core.instructions import stream_instructions
from evobuild.evaluation.benchmark import (
    Answer,
    Benchmark,
    Check,
    Item,
    ModelRequest,
    Scored,
    Settings,
    Tools,
    check_value_expr,
    last_message,
)


class HeldOut(Benchmark[Settings]):
    """Measure losses on the held-out rows; lower is better."""

    needs = frozenset({"likelihoods"})
    prompts = (PLAIN,)
    headline = "loss"
    higher_is_better = False
    has_rows = True

    @property
    def items_file(self) -> str:
        """Return the rows that the stage seed holds out, or another table of instructions from params."""
        return self.settings.items or "data/held_out.parquet"

    @property
    def files(self) -> tuple[str, ...]:
        """Return the table from params, if any: the stage depends on the held-out rows anyway."""
        return (self.settings.items,) if self.settings.items else ()

    def read_items(self) -> Iterator[Item]:
        """Stream the rows. Raises BadInput if the file is not a table of instructions."""
        _, rows = stream_instructions(Path(self.items_file))
        return (Item(row.id, row.domain, {"row": row}) for row in rows)

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return one request for the likelihood of the reference answer; none for a row without one."""
        row = item.content["row"]
        if replies or not row.output.strip():
            return ()
        return (ModelRequest(chat_messages(row), self.settings.sampling(self.seed), continuation=row.output),)

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Compute the mean loss of each answer; a check has its number of tokens."""
        for answer in answers:
            logprobs = answer.replies[0].choices[0].logprobs or ()
            loss = -sum(position[0] for position in logprobs) / len(logprobs) if logprobs else None
            tokens = Check("tokens", len(logprobs))
            text = answer.item.content["row"].output
            yield Scored(answer.item, last_message(answer.asks[0]), text, loss, (tokens,))

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute the loss in nats per answer token: nats of each row over its tokens."""
        found = rows.drop_nulls("score").select(unit="item", weight=check_value_expr("tokens"), loss="score")
        return {self.headline: found.select("unit", total=pl.col("loss") * pl.col("weight"), weight="weight")}
