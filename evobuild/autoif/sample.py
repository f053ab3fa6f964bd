"""Answers of the branch: the responses to its rows, several to each, as records of their table."""

from __future__ import annotations

from evobuild.answering.respond import Response
from evobuild.autoif.records import Answer, answer_id
from evobuild.core.rejects import Reject


def build_answer(response: Response) -> Answer | Reject:
    """Build the answer of a response, or its reject."""
    key = answer_id(response.row.id, response.number)
    if response.failure:
        return response.reject(key)
    return Answer(key, response.row.id, response.number, response.answer, response.reply.reasoning)
