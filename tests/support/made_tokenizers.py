"""Tokenizers of the kinds that models have, made from a few texts: where each puts a seam differs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import tiny
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content | trim }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A chat template with a system prompt of its own; it cuts blank space off what it is given."""
LINES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 and Qwen split text: the ends of lines go with what is blank or a mark before them."""
KINDS = ("bytes", "byte lines", "pieces with a prefix", "pieces")


@cache
def tokenizer(kind: str) -> Any:
    """A tokenizer of one of KINDS, from the tiny model's texts."""
    return made(kind, (*tiny.TEXTS, "1. One.\n\n- Two:\n  three\n\n\nfour\n") * 2, 420)


def with_tokens(kind: str, *tokens: str) -> Any:
    """A copy of a tokenizer of one of KINDS that has more special tokens."""
    changed = deepcopy(tokenizer(kind))
    changed.add_special_tokens({"additional_special_tokens": [*SPECIAL[3:], *tokens]})
    return changed


def made(kind: str, texts: Sequence[str], vocabulary: int, across: bool = False) -> Any:
    """Train one. vocabulary: tokens, to which those of single bytes come if it is of pieces.

    across: its pieces hold blanks in their middle and at their end, too.
    """
    own = Tokenizer(models.BPE(unk_token=None if kind.startswith("byte") else "<unk>"))
    alphabet: list[str] = []
    if kind.startswith("byte"):
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        own.post_processor = processors.ByteLevel(trim_offsets=True)
        own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        own.decoder = decoders.ByteLevel()
    if kind == "byte lines":
        lines = pre_tokenizers.Split(Regex(LINES), "isolated")
        own.pre_tokenizer = pre_tokenizers.Sequence([
            lines, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        ])  # fmt: skip
    if kind.startswith("pieces"):
        own.decoder = decoders.Sequence([
            decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()
        ])  # fmt: skip
        own.normalizer = normalizers.Replace(" ", "▁")
        words = r"[^\n]+|\n" if across else r"▁?[^▁\n]+|[▁\n]"
        own.pre_tokenizer = pre_tokenizers.Split(Regex(words), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    own.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=_with_bytes(own, kind) if kind.startswith("pieces") else own,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=SPECIAL[3:],
        chat_template=CHATML,
    )


def _with_bytes(own: Tokenizer, kind: str) -> Tokenizer:
    """Read text as SentencePiece does: not split into words, unknown letters and newlines as bytes."""
    content = json.loads(own.to_str())
    words = [*content["model"]["vocab"], *(f"<0x{byte:02X}>" for byte in range(256))]
    words.remove("\n")
    content["model"] |= {"vocab": {word: number for number, word in enumerate(words)}, "byte_fallback": True}
    content["pre_tokenizer"] = None
    if kind == "pieces with a prefix":
        content["pre_tokenizer"] = {
            "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False,
        }  # fmt: skip
    return Tokenizer.from_str(json.dumps(content))
