"""Responses: what a model is asked of a row, once or more often, and what its replies become.

A row whose response fails is lost to its own pool alone. No round waits for answers, so the next one
evolves the row all the same; its parent stays in the pool before. WizardLM (arXiv:2304.12244) puts the
parent back into the next round instead, as `evolve.on_failure: keep_parent` does with evolutions that fail.
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
    """How rows are asked about. template: of the user turn, as `core.conversation.chat_messages` takes it.

    rules: whose failures of a response count, as `failures.response_failure` takes them.
    """

    template: str
    sampling: Sampling
    rules: Collection[str]


class Response(NamedTuple):
    """A reply to a row. number: of the sample, from 0. failure: why it is no answer, '' if it is one."""

    row: Instruction
    number: int
    reply: Reply
    failure: str

    @property
    def answer(self) -> str:
        """The text, without blank space around it."""
        return self.reply.text.strip()

    def reject(self, key: str) -> Reject:
        """Give the reject of a response that is no answer. key: its id."""
        return Reject(key, self.failure, self.reply.error or "", self.reply.kept)


def has_answer(seed_answers: SeedAnswers) -> pl.Expr:
    """Whether a row of an instruction table keeps the answer that it has: any that a responder wrote."""
    written = pl.col("responder") != ""
    return (pl.col("output") != "") & (written | (seed_answers == "keep"))


def sample_responses(
    rows: Iterable[Instruction], count: int, model: Model, asking: Asking
) -> Iterator[Response]:
    """Ask about each row `count` times, and give each response, in any order; one that fails harms no other.

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
        failure = failures.reply_failure(reply) or failures.response_failure(reply.text, asking.rules)
        yield Response(row, number, reply, failure or "")


def answer_rows(rows: Iterable[Instruction], model: Model, asking: Asking) -> Iterator[Instruction | Reject]:
    """Answer each row once; every row gives itself with its output, or one reject, in any order."""
    for response in sample_responses(rows, 1, model, asking):
        row = response.row
        if response.failure:
            yield response.reject(row.id)
        else:
            yield row._replace(
                output=response.answer, responder=str(model.model), reasoning=response.reply.reasoning
            )
