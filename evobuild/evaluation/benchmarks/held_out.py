"""The rows that were held out: how well a model predicts their reference answers, in nats per token.

The question stands in the model's own chat template. The figure counts a long answer by its length:
it is a mean over all answer tokens together, whose exponential is the perplexity. The token that ends an
answer is not scored.
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
    Ask,
    Benchmark,
    Check,
    Item,
    Scored,
    Settings,
    Tools,
    check_value,
    last_prompt,
)


class HeldOut(Benchmark[Settings]):
    """Losses on the held-out rows, lower is better."""

    needs = frozenset({"likelihoods"})
    prompts = (PLAIN,)
    headline = "loss"
    higher_is_better = False
    has_rows = True

    @property
    def items_file(self) -> str:
        """What the stage seed holds out, unless another table of instructions is given."""
        return self.settings.items or "data/held_out.parquet"

    @property
    def files(self) -> tuple[str, ...]:
        """None of its own: the stage depends on the held-out rows anyway."""
        return (self.settings.items,) if self.settings.items else ()

    def read_items(self) -> Iterator[Item]:
        """Read the rows as they are asked for. Raises BadInput if it is no table of instructions."""
        _, rows = stream_instructions(Path(self.items_file))
        return (Item(row.id, row.domain, {"row": row}) for row in rows)

    def asks(self, item: Item, replies: Sequence[Reply]) -> Sequence[Ask]:
        """Ask for the likelihood of the reference answer; nothing of a row without one."""
        row = item.content["row"]
        if replies or not row.output.strip():
            return ()
        return (Ask(chat_messages(row), self.settings.sampling(self.seed), continuation=row.output),)

    def score(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Give the mean loss of each answer; the checks have its tokens."""
        for answer in answers:
            logprobs = answer.replies[0].choices[0].logprobs or ()
            loss = -sum(position[0] for position in logprobs) / len(logprobs) if logprobs else None
            tokens = Check("tokens", len(logprobs))
            text = answer.item.content["row"].output
            yield Scored(answer.item, last_prompt(answer.asks[0]), text, loss, (tokens,))

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The loss in nats per answer token: nats of each row over its tokens."""
        found = rows.drop_nulls("score").select(unit="item", weight=check_value("tokens"), loss="score")
        return {self.headline: found.select("unit", total=pl.col("loss") * pl.col("weight"), weight="weight")}
