"""A tokenizer for text of rows: what is written there as a special token, such as </s>, stays text.

Special are only the tokens that a template puts. Before a template is filled, special tokens in the
texts of a row are hidden; those found afterwards belong to the template, and get a placeholder, a
token that no row can write. Stand-ins split a text as the special tokens do, so ids are else the same.
"""

from __future__ import annotations

import json
import re
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from evobuild.core.errors import UserError, require

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


ROLE = re.compile(r"<[|｜]\S+[|｜]>")
MARKUP = re.compile(r"<\S+>|\[\S+\]")
"""Forms of tokens that chat templates write; a template may put a name together, such as <|user|>."""


class Tokens(NamedTuple):
    """Token ids, and of each the characters of the text that it holds, as (first, end)."""

    ids: list[int]
    offsets: list[tuple[int, int]]

    def holding(self, first: int, end: int) -> tuple[int, int]:
        """Return the tokens, as (first, end), that hold any of these characters."""
        return (
            bisect_right(self.offsets, first, key=itemgetter(1)),
            bisect_left(self.offsets, end, key=itemgetter(0)),
        )

    def following(self, place: int, blanks: int = 0) -> int | None:
        """Return the first token after a position in the text; None if it holds too much before it.

        blanks: characters before the place that it may hold.
        """
        first = bisect_left(self.offsets, place, key=itemgetter(0))
        if first and self.offsets[first - 1][1] > place:
            first -= 1
            if self.offsets[first][0] < place - blanks:
                return None
        return first

    def held_before(self, place: int, first: int) -> int:
        """Count the characters before a position that the token following it holds."""
        return max(0, place - self.offsets[first][0]) if first < len(self.offsets) else 0


class LiteralTokenizer:
    """A copy of a fast tokenizer, without what it puts around texts. Raises UserError if it is a slow one.

    Hidden text is marked by a character that must not occur in the texts of the row.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not tokenizer.is_fast:
            raise UserError(
                "the model's tokenizer does not tell which characters a token holds; "
                "choose a model that has a fast tokenizer (tokenizer.json)"
            )
        tokenizers = require("tokenizers", "train")
        content = json.loads(tokenizer.backend_tokenizer.to_str())
        # A post-processor may cut blank space out of offsets.
        content |= {"post_processor": None, "truncation": None, "padding": None}
        for token in content["added_tokens"]:
            token["special"] = token["special"] or _is_control(tokenizer, token["content"])
        self._own = tokenizers.Tokenizer.from_str(json.dumps(content))
        self._own.encode_special_tokens = True
        added = self._own.get_added_tokens_decoder()
        special = {token.content: (number, token) for number, token in added.items() if token.special}
        self._numbers = {content: number for content, (number, _) in special.items()}
        self._contents = {number: content for content, number in self._numbers.items()}
        # No text of a row can guess it; ids do not depend on it.
        secret = secrets.token_hex(16)
        self._stand_ins = {content: f"<{secret}:{number}>" for content, number in self._numbers.items()}
        self._own.add_tokens(
            [
                tokenizers.AddedToken(
                    self._stand_ins[content],
                    single_word=token.single_word,
                    lstrip=token.lstrip,
                    rstrip=token.rstrip,
                    normalized=False,
                )
                for content, (_, token) in special.items()
            ]
        )
        self._meant = {
            self._own.token_to_id(stand_in): self._numbers[content]
            for content, stand_in in self._stand_ins.items()
        }
        longest_first = sorted(map(re.escape, special), key=len, reverse=True)
        self._special = re.compile("|".join(longest_first) or r"(?!)")

    def hide(self, text: str, mark: str) -> str:
        """Hide the special tokens in a row's text from `show`."""
        return self._special.sub(lambda found: f"{mark}{self._numbers[found[0]]}{mark}", text)

    def show(self, text: str, mark: str) -> str:
        """Replace the special tokens of a filled template by placeholders, and restore the hidden texts."""
        text = self._special.sub(lambda found: self._stand_ins[found[0]], text)
        if mark not in text:
            return text
        return re.sub(f"{mark}([0-9]+){mark}", lambda found: self._contents[int(found[1])], text)

    def up_to_special(self, text: str) -> tuple[str, int] | None:
        """Return the text before the first special token, and that token; None without one."""
        found = self._special.search(text)
        return (text[: found.start()], self._numbers[found[0]]) if found else None

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenize texts; special tokens in them are text, placeholders are special tokens."""
        return [
            Tokens([self._meant.get(number, number) for number in each.ids], each.offsets)
            for each in self._own.encode_batch(list(texts), add_special_tokens=False)
        ]

    def encode_inside(self, text: str) -> list[int]:
        """Tokenize a text by itself as one that goes on: without the blank that some put before a text."""
        ids: list[int] = self._remove_prefix.encode(text, add_special_tokens=False).ids
        return ids

    @cached_property
    def _remove_prefix(self) -> Any:
        content = json.loads(self._own.to_str())
        content |= {name: _remove_prefixes(content[name]) for name in ("normalizer", "pre_tokenizer")}
        tokenizer = type(self._own).from_str(json.dumps(content))
        tokenizer.encode_special_tokens = True
        return tokenizer


def _is_control(tokenizer: PreTrainedTokenizerBase, token: str) -> bool:
    """Return whether an added token belongs to a template: special, <|like this|>, or markup that it writes.

    Others are text that a tokenizer keeps whole: runs of blanks of Phi's, HTML tags of Gemma's.
    """
    if token in tokenizer.all_special_tokens or ROLE.fullmatch(token):
        return True
    return bool(MARKUP.fullmatch(token)) and token in str(tokenizer.chat_template)


def _remove_prefixes(step: Any) -> Any:
    """Return a normalizer or pre-tokenizer of tokenizer.json that adds nothing before a text."""
    if isinstance(step, list):
        return [_remove_prefixes(each) for each in step if not _is_prefix(each)]
    if not isinstance(step, dict):
        return step
    if _is_prefix(step):
        return None
    never = {"prepend_scheme": "never", "add_prefix_space": False}
    return {name: never.get(name, _remove_prefixes(value)) for name, value in step.items()}


def _is_prefix(step: Any) -> bool:
    return isinstance(step, dict) and step.get("type") == "Prepend"
