"""Find the earlier answers of a conversation in its last prompt: they are trained on like the last answer.

The conversation is rendered once more with marks around its earlier answers. One that a template takes
something out of, as some do with thoughts, is not found, and none is where marks change what is rendered: an
answer that is not learnt is better than a prompt that is.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from evobuild.core.instructions import Instruction
from evobuild.weights.layouts import RefusedRow, answer_lead, chat_text, find_unused_marks
from evobuild.weights.literal_tokenizer import LiteralTokenizer, Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ASSISTANT = "assistant"


class EarlierAnswers:
    """Finds them in the chat template of a tokenizer. end: the text that it writes to end an answer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, literal: LiteralTokenizer, end: str) -> None:
        self._tokenizer, self._literal, self._end = tokenizer, literal, end
        lead = answer_lead(tokenizer)
        self._blanks = len(lead) - len(lead.rstrip())

    def find(self, row: Instruction, ids: list[int]) -> list[tuple[int, int]]:
        """Give the tokens of each earlier answer with its end, as (first, end); blank ones are left out.

        ids: of the row's prompt and answer. A token that holds anything of the template before an answer but
        the blank that its first token may begin with, or after its end, is not among them.
        """
        if not any(role == ASSISTANT and content.strip() for role, content in row.history):
            return []
        prompt, spans = self._spans(row)
        (tokens,) = self._literal.encode([prompt])
        found = (_inside(tokens, first, end, self._blanks) for first, end in spans)
        return [(first, end) for first, end in found if first < end and tokens.ids[:end] == ids[:end]]

    def _spans(self, row: Instruction) -> tuple[str, list[tuple[int, int]]]:
        """Return the prompt as tokenized, and the ranges of the earlier answers in it, in characters."""
        opening, closing, hidden = islice(find_unused_marks(row), 3)
        history = [(role, self._literal.hide(content, hidden)) for role, content in row.history]
        plain = row._replace(
            history=tuple(history),
            instruction=self._literal.hide(row.instruction, hidden),
            input=self._literal.hide(row.input, hidden),
        )
        show = partial(self._literal.show, mark=hidden)
        try:
            text = chat_text(self._tokenizer, plain)
            for around in (_around_all, _around_words):
                marked = plain._replace(
                    history=tuple(
                        (role, around(role, content, opening, closing)) for role, content in history
                    )
                )
                found = chat_text(self._tokenizer, marked)
                if re.sub(f"[{opening}{closing}]", "", found) == text:
                    return _cut_out(found, (opening, closing), self._end, show)
        except RefusedRow:
            pass
        return "", []


def _around_all(role: str, content: str, opening: str, closing: str) -> str:
    is_answer = role == ASSISTANT and content.strip()
    return f"{opening}{content}{closing}" if is_answer else content


def _around_words(role: str, content: str, opening: str, closing: str) -> str:
    """Mark an answer inside of the blank space around it, which a template may cut off."""
    words = content.strip()
    return content.replace(words, _around_all(role, words, opening, closing), 1)


def _cut_out(
    text: str, marks: tuple[str, str], end: str, show: Callable[[str], str]
) -> tuple[str, list[tuple[int, int]]]:
    """Take marks out of a rendered text: the text without them, and the text between two marks with its
    end.
    """
    pieces = re.split(f"([{''.join(marks)}])", text)
    shown, begun, spans = "", -1, []
    for piece, after in zip(pieces, [*pieces[1:], ""], strict=True):
        if piece == marks[0]:
            begun = len(shown)
        elif piece == marks[1]:
            ends = show(end) if after.startswith(end) else ""
            spans += [(begun, len(shown) + len(ends))] if begun >= 0 else []
            begun = -1
        else:
            shown += show(piece)
    return shown, spans


def _inside(tokens: Tokens, first: int, end: int, blanks: int) -> tuple[int, int]:
    """Return the tokens that hold only characters of a range, except for some blanks before it."""
    found = tokens.following(first, blanks)
    if found is None:
        found = bisect_left(tokens.offsets, first, key=itemgetter(0))
    return found, bisect_right(tokens.offsets, end, key=itemgetter(1))
