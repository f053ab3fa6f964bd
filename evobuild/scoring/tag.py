"""Tag instructions: a tagger names every intention of an instruction by a short phrase.

The complexity of a pool is the mean number of tags per instruction, its diversity the number of distinct tags
per instruction. Diversity falls with the number of rows, so compare pools with equal numbers of rows. An
unparsed reply is a reject. Source: Lu et al. 2023 (InsTag), arXiv:2308.07074; arXiv:2406.00770, which samples
100 rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render_prompt
from evobuild.core.rejects import Reject
from evobuild.models.client import Model
from evobuild.scoring.reply_values import read_phrases


class Tagged(NamedTuple):
    """The distinct tags of an instruction, in the tagger's order; at least one."""

    id: str
    tags: list[str]


def tag_rows(rows: Iterable[Instruction], model: Model, sampling: Sampling) -> Iterator[Tagged | Reject]:
    """Tag each row; yield tags or one reject per row, in any order."""

    def requests() -> Iterator[Request]:
        for row in rows:
            turns = [{"role": role, "content": content} for role, content in row.history]
            text = render_prompt(
                "judge/tags.jinja", history=turns, instruction=row.instruction, input=row.input
            )
            yield Request(row.id, "tag", (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        yield _build_result(reply)


def _build_result(reply: Reply) -> Tagged | Reject:
    if reason := failures.find_reply_failure(reply):
        return Reject(reply.key, reason, "", reply.error or reply.kept)
    tags = read_phrases(reply.text)
    if tags is None:
        return Reject(reply.key, "unparsed tags", "", reply.text)
    return Tagged(reply.key, tags) if tags else Reject(reply.key, "no tags", "", reply.text)
