"""The chat template that a base is tuned with, and what ends an answer in it.

A base brings its own, or is given a published one in our wording (prompts/chat/) or a Jinja file. It is saved
with the tuned model's tokenizer, so that training, evaluation and whoever serves the model render the same.
An answer's end is what the template writes after it, up to its first special token: that token is learnt,
and it is what generation has to stop at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import TemplateSyntaxError

from evobuild.core.errors import BadInput, UserError
from evobuild.core.text_files import read_text
from evobuild.core.uri import Weights
from evobuild.training.params import OWN, SHIPPED, TEMPLATES
from evobuild.weights import checkpoints
from evobuild.weights.chat_rendering import REFUSALS, render_chat
from evobuild.weights.layouts import FIRST_MARK
from evobuild.weights.literal_tokenizer import LiteralTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PUBLISHED = {name: Path(f"prompts/chat/{name}.jinja") for name in SHIPPED}
"""The files of our templates; read verbatim, because users of the model render them."""
ROLE, END = re.compile(r"<[|｜][^\s|｜<>]+[|｜]>"), re.compile(r"<[^\s<>]+>")
"""How templates write special tokens: most of them, and any that ends an answer."""
SEAMS = {
    "alpaca": (":\n", "A", "#"),
    "vicuna": (":", "A", "USER"),
    "llama2": ("[/INST]", "A", "[INST]"),
    "mistral": ("[/INST]", " A", "[INST]"),
    "llama3": ("\n\n", "A", "<|start_header_id|>"),
    "qwen": ("\n", "A", "<|im_start|>"),
}
"""What LLaMA-Factory writes before the answer "A", with it, and after its end: each is encoded by itself."""
ASKED, ANSWERED = chr(FIRST_MARK), chr(FIRST_MARK + 1)
"""Turns of a conversation that tries a template out; no text has these characters."""


def training_tokenizer(base: Weights, template: str) -> PreTrainedTokenizerBase:
    """Load a base's tokenizer, with the chat template that it is tuned with and a token to pad with.

    template: "own", a name of SHIPPED, or the path of a Jinja file.

    Raises UserError if it cannot be loaded, has no end token, has no template and is given none, or lacks a
    token that the template needs; BadInput with the place if the file is missing, or no template.
    """
    tokenizer = checkpoints.load_tokenizer(base)
    if tokenizer.eos_token is None:
        raise UserError(
            f"the tokenizer of '{base}' has no end token, so answers cannot end; choose another base"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.chat_template = template_source(tokenizer, base, template)
    place = f"the chat template of '{base}'" if template == OWN else str(PUBLISHED.get(template, template))
    _try_out(tokenizer, place)
    _check_tokens(tokenizer, template, f"{place} writes", f"no token of '{base}'")
    return tokenizer


def answer_end(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that end an answer in the tokenizer's chat template; the last is a special token.

    Instances: <|im_end|> by Qwen's, " </s>" by Llama 2's; the tokenizer's end token by one that writes none.
    """
    return find_written_end(tokenizer, LiteralTokenizer(tokenizer))[1]


def find_written_end(tokenizer: PreTrainedTokenizerBase, literal: LiteralTokenizer) -> tuple[str, list[int]]:
    """Return what a chat template writes to end an answer, '' for nothing, and the ids that end one."""
    after = _render_after_answer(tokenizer)
    if (found := literal.up_to_special(after)) is None:
        return "", [int(tokenizer.eos_token_id)]
    before, token = found
    text = before + str(tokenizer.convert_ids_to_tokens(token))
    return text, [*literal.encode_inside(before), token] if before else [token]


def stop_tokens(tokenizer: PreTrainedTokenizerBase, known: int | Sequence[int] | None) -> list[int]:
    """Return the stop tokens of generation, for generation_config.eos_token_id of a tuned model.

    known: what it holds already. What ends an answer in training comes first.
    """
    before = [known] if isinstance(known, int) else list(known or ())
    own = [] if tokenizer.eos_token_id is None else [int(tokenizer.eos_token_id)]
    return list(dict.fromkeys([answer_end(tokenizer)[-1], *before, *own]))


def template_source(tokenizer: PreTrainedTokenizerBase, base: Weights, template: str) -> str:
    """Give the source of a chat template. Raises as `training_tokenizer`."""
    if template in PUBLISHED:
        folder, _, name = template.rpartition("/")
        return (_blanks(tokenizer, *SEAMS[name]) if folder else "") + read_text(PUBLISHED[template])
    if template != OWN:
        try:
            return read_text(Path(template))
        except BadInput as error:
            raise BadInput(f"finetune.template: {error}") from error
    if tokenizer.chat_template:
        own: str = tokenizer.chat_template
        return own
    if base.made_by:
        return checkpoints.CHAT_TEMPLATE
    raise UserError(
        f"'{base}' has no chat template of its own; "
        f"set finetune.template to {', '.join(TEMPLATES)} or a Jinja file"
    )


def _blanks(tokenizer: PreTrainedTokenizerBase, before: str, answer: str, after: str) -> str:
    """Set the blanks that a tokenizer puts before a text which is encoded by itself; '' if it puts none."""
    blanks = [_blank(tokenizer, before, answer), _blank(tokenizer, str(tokenizer.eos_token), after)]
    return "{{%- set gap, after = {!r}, {!r} -%}}\n".format(*blanks) if any(blanks) else ""


def _blank(tokenizer: PreTrainedTokenizerBase, first: str, second: str) -> str:
    """Find the blank between two texts that keeps the ids of each as when alone; '' without one."""
    apart = [number for text in (first, second) for number in _ids(tokenizer, text)]
    return next((blank for blank in ("", " ") if _ids(tokenizer, first + blank + second) == apart), "")


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids


def _try_out(tokenizer: PreTrainedTokenizerBase, place: str) -> None:
    """Raise BadInput if a chat template is invalid, or leaves out a message."""
    turn = {"role": "user", "content": ASKED}
    try:
        text = render_chat(tokenizer, [turn], add_generation_prompt=True)
    except TemplateSyntaxError as error:
        raise BadInput(f"{place}:{error.lineno}: not a Jinja template: {error.message}") from error
    except REFUSALS:
        # One that refuses this may take the rows.
        return
    if ASKED not in text:
        raise BadInput(f"{place}: leaves out what the user says; expected a chat template")


def _render_after_answer(tokenizer: PreTrainedTokenizerBase) -> str:
    """Render what a chat template writes after the last answer; '' if it refuses the trial conversation."""
    turns = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}]
    with suppress(*REFUSALS):
        return render_chat(tokenizer, turns, add_generation_prompt=False).partition(ANSWERED)[2]
    return ""


def _check_tokens(tokenizer: PreTrainedTokenizerBase, template: str, writes: str, lacks: str) -> None:
    """Raise UserError if what a template means as a special token would be text of many tokens.

    Of one that is not ours only what ends an answer has to be a token: some write roles as text.
    """
    if template in PUBLISHED:
        meant = ROLE.findall(str(tokenizer.chat_template))
    else:
        meant = END.findall(_render_after_answer(tokenizer))[:1]
    known = tokenizer.get_added_vocab()
    if absent := next((each for each in meant if each not in known), ""):
        raise UserError(
            f"{writes} {absent}, which is {lacks}; set finetune.template to one whose tokens it has, "
            "such as vicuna or alpaca, which need none but the end token"
        )
