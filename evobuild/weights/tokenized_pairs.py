"""Rows as tokenized pairs: the token ids of a question and of its answer, by template.

plain           question, newline, answer
chat            the model's own chat template, then the answer
authors         as the script of IC-IFD's authors does it (Hui et al. 2024, arXiv:2412.11231)
superfiltering  as Superfiltering's script does it (Li et al. 2024, arXiv:2402.00530)

With plain and chat it is exact where the answer begins: both are tokenized apart and their ids are
concatenated, so that both losses of the answer are over the same tokens; before the answer alone
stands what the question begins with, a start token. The other two reproduce published figures, with
their flaws: they tokenize question and answer as one text, count the question's tokens in another,
and compare with an answer that was tokenized by itself. A row without an answer token is a reject.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from evobuild.core.conversation import prompt_ids
from evobuild.core.errors import UserError
from evobuild.core.tables import Instruction, Reject
from evobuild.weights.losses import Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Template = Literal["plain", "chat", "authors", "superfiltering"]

EMPTY = "empty answer"
NO_ROOM = "no room for the answer"
NO_TOKEN = "no answer token is scored"


def question_text(row: Instruction) -> str:
    """The plain text before an answer: earlier turns, instruction and input, each on its own lines."""
    turns = [content for _, content in row.history]
    return "\n".join([*turns, row.instruction, *filter(None, [row.input])]) + "\n"


def tokenize_pairs(
    tokenizer: PreTrainedTokenizerBase, template: Template, rows: Sequence[Instruction], max_length: int
) -> Iterator[Pair | Reject]:
    """Tokenize rows. Gives one pair or one reject a row, in their order.

    max_length: tokens of question and answer together; a longer answer is cut at its end.

    Raises UserError if the tokenizer has no chat template, or nothing to start a text with.
    """
    if template == "authors":
        yield from (_as_authors(tokenizer, row, max_length) for row in rows)
        return
    if template == "superfiltering":
        yield from (_as_superfiltering(tokenizer, row, max_length) for row in rows)
        return
    answers = _ids(tokenizer, [row.output for row in rows])
    for row, asked, answer in zip(rows, _questions(tokenizer, template, rows), answers, strict=True):
        found = tokenized_pair(row.id, asked, answer, max_length)
        yield Reject(row.id, found, "", row.output) if isinstance(found, str) else found


def tokenized_pair(key: str, asked: list[int], answer: list[int], max_length: int) -> Pair | str:
    """Put an answer beside its question, both as ids; say why if none of it is left.

    asked: all that stands before the answer, the first not scored.
    """
    room = max_length - len(asked)
    if not answer:
        return EMPTY
    if room < 1:
        return NO_ROOM
    kept = answer[:room]
    return Pair(key, asked + kept, len(asked), asked[:1] + kept, len(answer) > room)


def start_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token before which nothing stands: bos, else eos, else pad.

    Raises UserError if the tokenizer has none of them.
    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id):
        if token is not None:
            return int(token)
    raise UserError("the scorer's tokenizer has no bos, eos or pad token to start a sequence with")


def _questions(
    tokenizer: PreTrainedTokenizerBase, template: Template, rows: Sequence[Instruction]
) -> list[list[int]]:
    if template == "plain":
        start = start_token(tokenizer)
        return [[start, *ids] for ids in _ids(tokenizer, [question_text(row) for row in rows])]
    if not tokenizer.chat_template:
        raise UserError("the scorer has no chat template; set score.template to plain")
    return [prompt_ids(tokenizer, row) for row in rows]


def _ids(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    if not texts:
        return []
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def _as_authors(tokenizer: PreTrainedTokenizerBase, row: Instruction, max_length: int) -> Pair | Reject:
    asked = question_text(row).removesuffix("\n")
    both: list[int] = tokenizer(f"{asked}\n{row.output}", verbose=False)["input_ids"]
    alone: list[int] = tokenizer(row.output, verbose=False)["input_ids"]
    answer_start = len(tokenizer(asked, verbose=False)["input_ids"])
    cut = max(len(both), len(alone)) > max_length
    return _compatible(row, both[:max_length], answer_start, alone[:max_length], cut)


def _as_superfiltering(
    tokenizer: PreTrainedTokenizerBase, row: Instruction, max_length: int
) -> Pair | Reject:
    asked = question_text(row)
    whole = len(tokenizer(asked + row.output, verbose=False)["input_ids"])
    answer_start = len(tokenizer(asked, verbose=False)["input_ids"])
    room = max_length - min(answer_start, max_length) + 1
    both = tokenizer.encode(asked + row.output, truncation=True, max_length=max_length)
    alone = tokenizer.encode(row.output, truncation=True, max_length=room)
    return _compatible(row, both, answer_start, alone, whole > max_length)


def _compatible(
    row: Instruction, both: list[int], answer_start: int, alone: list[int], truncated: bool
) -> Pair | Reject:
    if not row.output:
        return Reject(row.id, EMPTY, "", row.output)
    if answer_start >= len(both):
        return Reject(row.id, NO_ROOM if truncated else NO_TOKEN, "", row.output)
    if len(alone) < 2 or answer_start < 1:
        return Reject(row.id, NO_TOKEN, "", row.output)
    return Pair(row.id, both, answer_start, alone, truncated)
