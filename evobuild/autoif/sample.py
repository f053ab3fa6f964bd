"""Answers of the branch: several of each row, drawn one by one, so that one that fails harms no other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from evobuild.answering import failures
from evobuild.autoif.records import Answer, answer_id
from evobuild.core.chat import Request, Sampling
from evobuild.core.conversation import chat_messages
from evobuild.core.tables import Instruction, Reject
from evobuild.models.client import Model


def respond(
    rows: Iterable[Instruction], count: int, model: Model, sampling: Sampling, rules: Collection[str]
) -> Iterator[Answer | Reject]:
    """Answer each row `count` times; every sample gives one answer or one reject, in any order.

    sampling: its seed is the first sample's; each further one has the next. rules: whose failures of
    a response lose it, as failures.of_response takes them.
    """
    requests = (
        Request(
            f"{row.id}/{number}",
            "respond",
            chat_messages(row),
            replace(sampling, seed=sampling.seed + number),
        )
        for row in rows
        for number in range(count)
    )
    for reply in model.generate(requests):
        row, _, number = reply.key.partition("/")
        own = answer_id(row, int(number))
        reason = failures.of_reply(reply) or failures.of_response(reply.text, rules)
        if reason:
            yield Reject(own, reason, reply.error or "", reply.text)
        else:
            yield Answer(own, row, int(number), reply.text.strip())
