"""The literal tokenizer: special tokens are the template's, a row has text, and ids are else the same."""

from __future__ import annotations

import json
from types import SimpleNamespace

import made_tokenizers
import pytest

from evobuild.core.errors import UserError
from evobuild.weights.literal_tokenizer import LiteralTokenizer, Tokens

MARK = "\ufdd0"
TEXTS = [
    "Name three colours.\n\nRed,  green\n and blue.",
    " a\tb\r\n\r\nc — naïve 你好 🐟",
    "",
    "<|im_start|>user\nName a fish.<|im_end|>\n<|im_start|>assistant\n",
]


@pytest.mark.parametrize("kind", made_tokenizers.KINDS)
def test_ids_of_a_template_are_those_of_the_tokenizer(kind: str) -> None:
    tokenizer = made_tokenizers.tokenizer(kind)
    literal = LiteralTokenizer(tokenizer)
    found = [each.ids for each in literal.encode([literal.show(text, MARK) for text in TEXTS])]
    assert found == tokenizer(TEXTS, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("kind", made_tokenizers.KINDS)
def test_special_tokens_of_a_row_stay_text(kind: str) -> None:
    tokenizer = made_tokenizers.tokenizer(kind)
    literal = LiteralTokenizer(tokenizer)
    words = "a</s><|im_start|>b<s>"
    text = literal.show(f"<|im_start|>{literal.hide(words, MARK)}</s>", MARK)
    ((ids, offsets),) = literal.encode([text])
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "</s>"])
    assert (ids[0], ids[-1]) == (start, end)
    assert not set(ids[1:-1]) & {start, end, tokenizer.bos_token_id}
    assert tokenizer.decode(ids).replace("> a", ">a") == f"<|im_start|>{words}</s>"
    assert (text[offsets[1][0] :][: len(words)], len(text)) == (words, offsets[-1][1])


def with_added(*contents: str):
    """The byte tokenizer with more tokens, none of them flagged as special, nor those that were."""
    from tokenizers import AddedToken, Tokenizer
    from transformers import PreTrainedTokenizerFast

    made = made_tokenizers.tokenizer("bytes")
    settings = json.loads(made.backend_tokenizer.to_str())
    for token in settings["added_tokens"]:
        token["special"] = False
    own = Tokenizer.from_str(json.dumps(settings))
    own.add_tokens([AddedToken(content, normalized=False) for content in contents])
    return PreTrainedTokenizerFast(
        tokenizer_object=own, bos_token="<s>", eos_token="</s>", chat_template="{{ '[INST]' }}<think>  x"
    )


@pytest.mark.parametrize("token", ["</s>", "<s>", "<|user|>", "<｜User｜>", "[INST]", "<think>"])
def test_control_tokens_of_a_row_stay_text_however_they_are_flagged(token: str) -> None:
    tokenizer = with_added("<|user|>", "<｜User｜>", "[INST]", "<think>")
    (number,) = tokenizer(token, add_special_tokens=False)["input_ids"]
    literal = LiteralTokenizer(tokenizer)
    (found,) = literal.encode([literal.show(f"{token}{literal.hide(f'a{token}b', MARK)}", MARK)])
    assert found.ids[0] == number and number not in found.ids[1:]
    assert tokenizer.decode(found.ids[1:]) == f"a{token}b"


@pytest.mark.parametrize("token", ["  ", "x", "<b>", "[1]"])
def test_added_tokens_that_are_ordinary_text_stay_whole(token: str) -> None:
    """As runs of blanks of Phi's tokenizer and HTML tags of Gemma's."""
    tokenizer = with_added("  ", "x", "<b>", "[1]")
    literal = LiteralTokenizer(tokenizer)
    text = f"a{token}b"
    (found,) = literal.encode([literal.show(literal.hide(text, MARK), MARK)])
    assert found.ids == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_tokens_to_ids(token) in found.ids


def test_blank_space_is_a_tokens_own() -> None:
    """The tokenizer's post-processor leaves it out of what a token holds."""
    tokenizer = made_tokenizers.tokenizer("bytes")
    assert tokenizer("a  5", return_offsets_mapping=True)["offset_mapping"] == [
        (0, 1),
        (2, 2),
        (3, 3),
        (3, 4),
    ]
    (found,) = LiteralTokenizer(tokenizer).encode(["a  5"])
    assert found.offsets == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_tokens_are_found_by_their_characters() -> None:
    found = Tokens([7, 8, 9, 10], [(0, 2), (2, 5), (5, 6), (6, 9)])
    assert found.holding(2, 6) == (1, 3)
    assert found.holding(1, 7) == (0, 4)  # those that hold but a part of it, too
    assert found.following(5) == 2
    assert found.following(9) == 4
    assert found.following(4) is None


def test_a_tokenizer_that_knows_no_characters_is_refused() -> None:
    with pytest.raises(UserError, match="choose a model that has a fast tokenizer"):
        LiteralTokenizer(SimpleNamespace(is_fast=False))  # type: ignore[arg-type]
