"""Rows laid out by a template: the text before the answer, and which of it is the question.

plain   earlier turns, the question, each on its own lines
alpaca  the form that Stanford Alpaca was trained on and Cherry LLM scores with (Li et al. 2024,
        arXiv:2308.12032); the answer follows the last colon at once
chat    the model's own chat template around the prompt prompts/respond/answer.jinja, thinking off; then
        what the template writes before an answer, such as the blank after Llama 2's "[/INST]"

The question is the row's own words: its instruction, its input and what is blank between them. All
else is the template's: separators, headings, roles, a system prompt, and also the earlier turns, which
are what the question is asked after. A template without its question has all that and not these words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import accumulate, count, islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from evobuild.core.conversation import chat_messages
from evobuild.core.errors import BadInput
from evobuild.core.instructions import Instruction
from evobuild.weights.chat_rendering import REFUSALS, render_chat
from evobuild.weights.literal_tokenizer import LiteralTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TextOf = Callable[[Instruction], str]
"""The text before a row's answer, by some template."""

# The two texts and the headings are those of tatsu-lab/stanford_alpaca and tianyi-lab/Cherry_LLM,
# cherry_seletion/data_analysis.py: published scores are of these very tokens.
ALPACA = "Below is an instruction that describes a task. "
ALPACA_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
)
ALPACA_TASK = "Write a response that appropriately completes the request.\n\n"
ALPACA_TURNS = {"system": "{}\n\n", "user": "### Instruction:\n{}\n\n", "assistant": "### Response:{}\n\n"}

FIRST_MARK = 0xFDD0
"""A code point that no text has: Unicode keeps it for use within programs."""

THINKING_OFF = {"enable_thinking": False, "thinking": False}
"""Options of the chat templates of reasoning models; others leave them aside."""
OPENED_THOUGHT = re.compile(r"<((?:\w+:)?think(?:ing)?|thought)>\s*\Z")


class RefusedRow(BadInput):
    """A template cannot take a row."""


class Layout(NamedTuple):
    """The text before an answer, as stretches of the template and of the question in turn.

    The first and the last are the template's, maybe empty.

    Instance: plain, "Sum up." and an input "2, 3" -> ["", "Sum up.\\n2, 3", "\\n"].
    """

    stretches: list[str]

    @property
    def prompt(self) -> str:
        """Return the whole prompt."""
        return "".join(self.stretches)

    @property
    def without_question(self) -> str:
        """Return the same template without the question."""
        return "".join(self.stretches[::2])

    @property
    def question(self) -> list[tuple[int, int]]:
        """Return the ranges of the question in the prompt, in characters."""
        return list(pairwise(accumulate(map(len, self.stretches))))[::2]

    def shortened(self, characters: int) -> Layout:
        """Return the layout without the last characters, all of which belong to the template."""
        *others, last = self.stretches
        return Layout([*others, last[: len(last) - characters]])


def question_text(row: Instruction) -> str:
    """Build the plain text before an answer: earlier turns, instruction and input, each on its own lines."""
    turns = [content for _, content in row.history]
    return "\n".join([*turns, row.instruction, *filter(None, [row.input])]) + "\n"


def alpaca_text(row: Instruction) -> str:
    """Build the Alpaca prompt; earlier turns, which it lacks, use the same headings."""
    turns = [ALPACA_TURNS[role].format(content) for role, content in row.history]
    given = f"### Input:\n{row.input}\n\n" if row.input else ""
    task = (ALPACA_WITH_INPUT if row.input else ALPACA) + ALPACA_TASK
    return f"{task}{''.join(turns)}{ALPACA_TURNS['user'].format(row.instruction)}{given}### Response:"


def chat_text(tokenizer: PreTrainedTokenizerBase, row: Instruction) -> str:
    """Render the prompt before the answer in the model's chat template, as the tuned model gets it.

    Raises RefusedRow if the chat template refuses the conversation.
    """
    turns = [message._asdict() for message in chat_messages(row)]
    try:
        return conversation_text(tokenizer, turns)
    except REFUSALS as error:
        raise RefusedRow(f"the model's chat template refuses it: {error}") from error


def conversation_text(tokenizer: PreTrainedTokenizerBase, turns: list[dict[str, str]]) -> str:
    """Render a conversation up to its answer, without thinking. Raises as `render_chat`."""
    return _render_layout(tokenizer, turns, is_asked=True)


def answer_lead(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return what a chat template writes between its prompt and an answer; an open thought is closed.

    Instances: " " by Llama 2's, whose prompt ends with "[/INST]" and which writes "[/INST] Red.";
    "
    </think>

    " by DeepSeek R1's, whose prompt ends with "<think>
    "; "" by most.
    """
    asked = [{"role": "user", "content": "."}]
    prompt = whole = ""
    # One that refuses this may take the rows.
    with suppress(*REFUSALS):
        prompt = conversation_text(tokenizer, asked)
        answered = [*asked, {"role": "assistant", "content": chr(FIRST_MARK)}]
        whole = _render_layout(tokenizer, answered, is_asked=False)
    before, mark, _ = whole.partition(chr(FIRST_MARK))
    lead = before.removeprefix(prompt) if mark and before.startswith(prompt) else ""
    opened = OPENED_THOUGHT.search(prompt + lead)
    return f"{lead}\n</{opened[1]}>\n\n" if opened else lead


def _render_layout(tokenizer: PreTrainedTokenizerBase, turns: list[dict[str, str]], is_asked: bool) -> str:
    return render_chat(tokenizer, turns, add_generation_prompt=is_asked, **THINKING_OFF)


def lay_out(literal: LiteralTokenizer, text_of: TextOf, row: Instruction) -> Layout:
    """Build the layout of a row. Raises RefusedRow if the template leaves its question out."""
    question, hidden = islice(find_unused_marks(row), 2)
    marked = row._replace(
        history=tuple((role, literal.hide(content, hidden)) for role, content in row.history),
        instruction=_mark_words(literal.hide(row.instruction, hidden), question),
        input=_mark_words(literal.hide(row.input, hidden), question),
    )
    # The end of the instruction, blank space, the start of the input: one stretch.
    joined = re.sub(rf"{question}(\s*){question}", r"\1", text_of(marked))
    stretches = [literal.show(stretch, hidden) for stretch in joined.split(question)]
    if len(stretches) % 2 == 0 or (len(stretches) == 1 and (row.instruction + row.input).strip()):
        raise RefusedRow("the template leaves its instruction out, or a part of it")
    return Layout(stretches)


def find_unused_marks(row: Instruction) -> Iterator[str]:
    """Find characters that do not occur in a row's prompt, to mark positions in it."""
    return marks_outside([row.instruction, row.input, *(content for _, content in row.history)])


def marks_outside(texts: Iterable[str]) -> Iterator[str]:
    """Find characters that occur in none of these texts, to mark positions."""
    whole = "".join(texts)
    return (chr(code) for code in count(FIRST_MARK) if chr(code) not in whole)


def _mark_words(text: str, mark: str) -> str:
    """Put marks around the words of a text, inside of the blank space that a template may cut off."""
    words = text.strip()
    return text.replace(words, f"{mark}{words}{mark}", 1) if words else text
