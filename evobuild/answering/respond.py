"""Generate responses: call the responder for each row, once or several times, and check the replies.

A row whose response fails is rejected from its own pool only. Rounds do not wait for answers, so the next one
evolves the row anyway; its parent stays in the previous pool. WizardLM (arXiv:2304.12244) instead puts the
parent back into the next round, as `evolve.on_failure: keep_parent` does for failed evolutions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import polars as pl

from evobuild.answering import failures
from evobuild.answering.params import SeedAnswers
from evobuild.core.chat import Reply, Request, Sampling
from evobuild.core.conversation import chat_messages
from evobuild.core.instructions import Instruction
from evobuild.core.rejects import Reject
from evobuild.models.client import Model


class Asking(NamedTuple):
    """Settings of responder calls. template: of the user turn, see `core.conversation.chat_messages`.

    rules: rule sets of `failures.find_response_failure`.
    """

    template: str
    sampling: Sampling
    rules: Collection[str]


class Response(NamedTuple):
    """A reply to a row. number: of the sample, from 0. failure: why it is not an answer, '' for an answer."""

    row: Instruction
    number: int
    reply: Reply
    failure: str

    @property
    def answer(self) -> str:
        """Return the text, stripped."""
        return self.reply.text.strip()

    def reject(self, key: str) -> Reject:
        """Build the reject of a failed response. key: its id."""
        return Reject(key, self.failure, self.reply.error or "", self.reply.kept)


def has_answer(seed_answers: SeedAnswers) -> pl.Expr:
    """Build the expression for rows that keep their answer: any that a responder wrote, or a seed's."""
    written = pl.col("responder") != ""
    return (pl.col("output") != "") & (written | (seed_answers == "keep"))


def sample_responses(
    rows: Iterable[Instruction], count: int, model: Model, asking: Asking
) -> Iterator[Response]:
    """Call the responder `count` times per row; yield each response, in any order.

    The seed of `asking.sampling` is the first sample's; each further one has the next.
    """
    asked: dict[str, tuple[Instruction, int]] = {}

    def requests() -> Iterator[Request]:
        for row in rows:
            messages = chat_messages(row, asking.template)
            for number in range(count):
                key = f"{row.id}/{number}"
                asked[key] = row, number
                seeded = replace(asking.sampling, seed=asking.sampling.seed + number)
                yield Request(key, "respond", messages, seeded)

    for reply in model.generate(requests()):
        row, number = asked.pop(reply.key)
        failure = failures.find_reply_failure(reply) or failures.find_response_failure(
            reply.text, asking.rules
        )
        yield Response(row, number, reply, failure or "")


def answer_rows(rows: Iterable[Instruction], model: Model, asking: Asking) -> Iterator[Instruction | Reject]:
    """Answer each row once; yield the row with its output, or one reject, in any order."""
    for response in sample_responses(rows, 1, model, asking):
        row = response.row
        if response.failure:
            yield response.reject(row.id)
        else:
            yield row._replace(
                output=response.answer, responder=str(model.model), reasoning=response.reply.reasoning
            )
