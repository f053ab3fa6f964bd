"""Rows as tokenized pairs: the token ids of a question and of its answer, by template.

plain, alpaca, chat  laid out as `layouts` says, for scoring, training and evaluation alike
authors              as the script of IC-IFD's authors does it (Hui et al. 2024, arXiv:2412.11231)
superfiltering       as Superfiltering's script does it (Li et al. 2024, arXiv:2402.00530)

With the first three the answer's ids are those that the tokenizer gives in the text of both, after the
place where they meet. The text before it is tokenized as a served model gets it. A blank that a chat
template writes with the answer, behind the prompt, may be in the answer's first token: after "[/INST]"
"▁Red" answers. Where a token holds characters of both sides else, or that blank and the text before it,
the answer is tokenized by itself, as a model would have to write it after its prompt. The lone answer has
the very same ids, after the same template with the question left out. So both losses are over the same ids,
behind the same separator.

The other two reproduce published figures, with their flaws: they tokenize question and answer as one
text, count the question's tokens in another, and compare with an answer that was tokenized by itself.
A row without an answer token is a reject, and one that the chat template refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from evobuild.core.errors import UserError
from evobuild.core.instructions import Instruction
from evobuild.core.rejects import Reject
from evobuild.weights.layouts import (
    Layout,
    RefusedRow,
    TextOf,
    alpaca_text,
    answer_lead,
    chat_text,
    lay_out,
    question_text,
)
from evobuild.weights.literal_tokenizer import LiteralTokenizer, Tokens
from evobuild.weights.losses import Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Template = Literal["plain", "alpaca", "chat", "authors", "superfiltering"]

BATCH = 512
"""Rows that are tokenized together; their offsets take memory."""

EMPTY = "empty answer"
NO_ROOM = "no room for the answer"
NO_TOKEN = "no answer token is scored"
REFUSED = "refused by the template"
BROKEN = "broken text"

SURROGATE = re.compile("[\ud800-\udfff]")


def tokenize_pairs(
    tokenizer: PreTrainedTokenizerBase, template: Template, rows: Sequence[Instruction], max_length: int
) -> Iterator[Pair | Reject]:
    """Tokenize rows. Gives one pair or one reject a row, in their order.

    max_length: tokens of question and answer together; a longer answer is cut at its end.

    Raises UserError if the tokenizer has no chat template, no offsets, or nothing to start a text with.
    """
    if template in ("authors", "superfiltering"):
        as_published = _as_authors if template == "authors" else _as_superfiltering
        yield from (_reject_broken(row) or as_published(tokenizer, row, max_length) for row in rows)
        return
    form, literal = _form(tokenizer, template), LiteralTokenizer(tokenizer)
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        laid = [_reject_broken(row) or _lay_out_all(literal, form, row) for row in some]
        kept = [(row, each) for row, each in zip(some, laid, strict=True) if isinstance(each, Layout)]
        pairs = _exact_pairs(literal, form, kept, max_length)
        yield from (each if isinstance(each, Reject) else next(pairs) for each in laid)


class _Form(NamedTuple):
    """How a template puts answers.

    text_of: the text before one. start: the ids before that. blanks: characters at the text's end that may
    be in one token with the answer.
    """

    text_of: TextOf
    start: list[int]
    blanks: int


def _form(tokenizer: PreTrainedTokenizerBase, template: Template) -> _Form:
    if template != "chat":
        return _Form(alpaca_text if template == "alpaca" else question_text, [start_token(tokenizer)], 0)
    if not tokenizer.chat_template:
        raise UserError("the scorer has no chat template; set score.template to plain")
    lead = answer_lead(tokenizer)
    return _Form(lambda row: chat_text(tokenizer, row) + lead, [], len(lead) - len(lead.rstrip()))


def _reject_broken(row: Instruction) -> Reject | None:
    """Reject a row with half a surrogate pair, which no tokenizer reads."""
    texts = "\n".join([row.instruction, row.input, row.output, *(content for _, content in row.history)])
    if not (half := SURROGATE.search(texts)):
        return None
    return Reject(row.id, BROKEN, f"U+{ord(half[0]):04X}", SURROGATE.sub("\ufffd", row.output))


def _lay_out_all(literal: LiteralTokenizer, form: _Form, row: Instruction) -> Layout | Reject:
    try:
        return lay_out(literal, form.text_of, row)
    except RefusedRow as error:
        return Reject(row.id, REFUSED, str(error), row.output)


def _exact_pairs(
    literal: LiteralTokenizer,
    form: _Form,
    laid: Sequence[tuple[Instruction, Layout]],
    max_length: int,
) -> Iterator[Pair | Reject]:
    wholes = literal.encode([layout.prompt + row.output for row, layout in laid])
    answers = [
        answer_tokens(literal, form.blanks, whole, row.output, layout.prompt)
        for whole, (row, layout) in zip(wholes, laid, strict=True)
    ]
    cut = [layout.shortened(answer.blanks) for (_, layout), answer in zip(laid, answers, strict=True)]
    prompts = literal.encode([layout.prompt for layout in cut])
    left = sorted({layout.without_question for layout in cut})
    lone = dict(zip(left, literal.encode(left), strict=True))
    for (row, _), layout, prompt, (answer, _) in zip(laid, cut, prompts, answers, strict=True):
        before = form.start + prompt.ids
        if why := _find_unscored_reason(row, before, answer, max_length):
            yield Reject(row.id, why, f"{len(before)} tokens before it", row.output)
            continue
        alone = form.start + lone[layout.without_question].ids
        if not alone:
            raise UserError("the chat template writes nothing before an answer; use another template")
        spans = [prompt.holding(*stretch) for stretch in layout.question]
        # Nothing predicts the first token.
        shift = len(form.start)
        question = tuple((max(1, shift + first), shift + end) for first, end in spans)
        kept = answer[: max_length - len(before)]
        is_cut = len(kept) < len(answer)
        yield Pair(row.id, before + kept, question, len(before), alone + kept, len(alone), is_cut)


class AnswerTokens(NamedTuple):
    """An answer's ids, and how many of the template's last blanks they hold."""

    ids: list[int]
    blanks: int


def answer_tokens(
    literal: LiteralTokenizer, blanks: int, whole: Tokens, answer: str, prompt: str
) -> AnswerTokens:
    """Return the ids of an answer in the whole text. blanks: of the template, at the prompt's end."""
    seam = len(prompt)
    first = whole.following(seam, blanks)
    if first is None:
        return AnswerTokens(literal.encode_inside(answer), 0)
    if blanks and first and whole.offsets[first - 1][0] < seam - blanks < whole.offsets[first - 1][1]:
        # The blank shares a token with the text before it: a served model writes it after that.
        return AnswerTokens(literal.encode_inside(prompt[seam - blanks :] + answer), blanks)
    return AnswerTokens(whole.ids[first:], whole.held_before(seam, first))


def _find_unscored_reason(row: Instruction, before: list[int], answer: list[int], max_length: int) -> str:
    """Return why no token of an answer can be scored; '' if one can."""
    if not row.output.strip():
        return EMPTY
    if not answer:
        return NO_TOKEN
    return NO_ROOM if len(before) >= max_length else ""


def start_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the token that begins a text: bos, else eos, else pad.

    Raises UserError if the tokenizer has none of them.
    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id):
        if token is not None:
            return int(token)
    raise UserError("the scorer's tokenizer has no bos, eos or pad token to start a sequence with")


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
    if not row.output.strip():
        return Reject(row.id, EMPTY, "", row.output)
    if answer_start >= len(both):
        return Reject(row.id, NO_ROOM if truncated else NO_TOKEN, "", row.output)
    if len(alone) < 2 or answer_start < 1:
        return Reject(row.id, NO_TOKEN, "", row.output)
    return Pair(row.id, both, ((1, answer_start),), answer_start, alone, 1, truncated)
