"""Responses: what a model is asked as a user would ask it, and what its reply becomes.

A row whose response fails is lost to its own pool alone. No round waits for answers, so the next one
evolves the row all the same; its parent stays in the pool before. WizardLM (arXiv:2304.12244) puts the
parent back into the next round instead, as `evolve.on_failure: keep_parent` does with evolutions that fail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from evobuild.answering import failures
from evobuild.core.chat import Request, Sampling
from evobuild.core.conversation import chat_messages
from evobuild.core.tables import Instruction, Reject
from evobuild.models.client import Model


def respond(
    rows: Iterable[Instruction], model: Model, sampling: Sampling, rules: Collection[str]
) -> Iterator[Instruction | Reject]:
    """Answer each row once; every row gives itself with its output, or one reject, in any order.

    rules: whose failures of a response lose a row, as failures.of_response takes them.
    """
    asked: dict[str, Instruction] = {}

    def requests() -> Iterator[Request]:
        for row in rows:
            asked[row.id] = row
            yield Request(row.id, "respond", chat_messages(row), sampling)

    for reply in model.generate(requests()):
        row = asked.pop(reply.key)
        reason = failures.of_reply(reply) or failures.of_response(reply.text, rules)
        if reason:
            yield Reject(row.id, reason, reply.error or "", reply.text)
        else:
            yield row._replace(output=reply.text.strip(), model=str(model.model))
