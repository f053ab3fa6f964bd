"""Tags of instructions by a tagger: every intention that an instruction has, named by a short phrase.

Complexity of a pool is the mean number of tags of an instruction, diversity the number of distinct tags
per instruction; the latter falls with the number of rows, so pools are compared on as many. A reply that
cannot be read is a reject. Source: Lu et al. 2023 (InsTag), arXiv:2308.07074; arXiv:2406.00770, which takes
100 rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.instructions import Instruction
from evobuild.core.prompts import render
from evobuild.core.rejects import Reject
from evobuild.models.client import Model
from evobuild.text import json_replies
from evobuild.text.words import compose, split_alphanumerics

LONGEST = 60
"""Characters of a tag; what is longer is an explanation."""
READ = 10 * LONGEST
"""Characters of what may be a tag, signs included."""


class Tagged(NamedTuple):
    """The distinct tags of an instruction, in the tagger's order; at least one."""

    id: str
    tags: list[str]


def tag_rows(rows: Iterable[Instruction], model: Model, sampling: Sampling) -> Iterator[Tagged | Reject]:
    """Tag each row; every row gives tags or one reject, in any order."""

    def requests() -> Iterator[Request]:
        for row in rows:
            turns = [{"role": role, "content": content} for role, content in row.history]
            text = render("judge/tags.jinja", history=turns, instruction=row.instruction, input=row.input)
            yield Request(row.id, "tag", (Message("user", text),), sampling)

    for reply in model.generate(requests()):
        yield _result(reply)


def _result(reply: Reply) -> Tagged | Reject:
    if reason := failures.reply_failure(reply):
        return Reject(reply.key, reason, "", reply.error or reply.kept)
    tags = read_tags(reply.text)
    if tags is None:
        return Reject(reply.key, "unparsed tags", "", reply.text)
    return Tagged(reply.key, tags) if tags else Reject(reply.key, "no tags", "", reply.text)


def read_tags(text: str) -> list[str] | None:
    """Read the last JSON list of tags in a reply: of strings, or of objects with a `tag`; None without one.

    Tags come in their normal form, each once. Instance: '[{"tag": "Word-Limit"}, {"tag": "word limit"}]'
    -> ["word limit"].
    """
    for value in reversed(list(json_replies.find_json_values(text))):
        if isinstance(value, dict):
            value = next((item for key, item in value.items() if key.casefold() == "tags"), None)
        if isinstance(value, list):
            phrases = [_phrase(item) for item in value]
            if all(phrases):
                return list(dict.fromkeys(map(str, phrases)))
    return None


def _phrase(item: object) -> str | None:
    """A tag in small letters, words with single blanks between them; None if it is no short phrase."""
    if isinstance(item, dict):
        item = next((value for key, value in item.items() if key.casefold() == "tag"), None)
    if not isinstance(item, str) or len(item) > READ:
        return None
    phrase = " ".join(split_alphanumerics(compose(item).casefold()))
    return phrase if 0 < len(phrase) <= LONGEST else None
