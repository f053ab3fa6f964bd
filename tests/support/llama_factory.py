"""LLaMA-Factory's chat templates as facts, and its own code where it is installed: `make test-engines`.

It encodes what a template writes piece by piece; the pieces of an answer, with what follows it, are learnt.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple

import pytest

BOS, EOS = "<s>", "</s>"
"""Pieces that are the tokenizer's start and end token."""
Turns = Sequence[tuple[str, str]]


class Form(NamedTuple):
    """Pieces before all, and of a turn of each role. default: the system turn where none, or an empty one, is
    given. inside: whether a system turn stands in the user's, of which each piece is one.
    """

    user: tuple[str, ...]
    prefix: tuple[str, ...] = ()
    assistant: tuple[str, ...] = ("{}", EOS)
    system: str = "{}"
    default: str = ""
    inside: bool = False


START, STOP = "<|start_header_id|>", "<|eot_id|>"
FORMS = {
    "alpaca": Form(
        ("### Instruction:\n{}\n\n### Response:\n",),
        assistant=("{}", EOS, "\n\n"),
        default="Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.\n\n",
    ),
    "vicuna": Form(
        ("USER: {} ASSISTANT:",),
        default="A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions.",
    ),
    "llama2": Form((BOS, "[INST] {} [/INST]"), system="<<SYS>>\n{}\n<</SYS>>\n\n", inside=True),
    "llama3": Form(
        (f"{START}user<|end_header_id|>\n\n{{}}{STOP}{START}assistant<|end_header_id|>\n\n",),
        prefix=(BOS,),
        assistant=(f"{{}}{STOP}",),
        system=f"{START}system<|end_header_id|>\n\n{{}}{STOP}",
    ),
    "mistral": Form(
        ("[INST] {}[/INST]",), prefix=(BOS,), assistant=(" {}", EOS), system="{}\n\n", inside=True
    ),
    "qwen": Form(
        ("<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",),
        assistant=("{}<|im_end|>\n",),
        system="<|im_start|>system\n{}<|im_end|>\n",
        default="You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    ),
}


def pieces(name: str, turns: Turns) -> list[list[str]]:
    """The pieces of each turn but the system's, which are in those of the first."""
    form = FORMS[name]
    has_system = turns[0][0] == "system"
    system = (turns[0][1] if has_system else "") or form.default
    found = []
    for role, content in turns[has_system:]:
        before = [] if found else [*form.prefix]
        filled = form.system.replace("{}", system) if system and not found else ""
        if filled and not form.inside:
            before.append(filled)
        given = filled + content if form.inside else content
        parts = form.user if role == "user" else form.assistant
        found.append([*before, *(part.replace("{}", given) for part in parts)])
    return found


def written(name: str, turns: Turns) -> str:
    """All of it as text."""
    return "".join(piece for turn in pieces(name, turns) for piece in turn)


def encoded(name: str, tokenizer: Any, turns: Turns) -> list[list[int]]:
    """The ids of each turn."""
    special = {BOS: tokenizer.bos_token_id, EOS: tokenizer.eos_token_id}
    return [
        [
            token
            for piece in turn
            if piece
            for token in (
                [special[piece]] if piece in special else tokenizer.encode(piece, add_special_tokens=False)
            )
        ]
        for turn in pieces(name, turns)
    ]


def load(monkeypatch: pytest.MonkeyPatch, module: str) -> Any:
    """Import a module of LLaMA-Factory, which is installed without what it pins; skip where it is not.

    It imports torchaudio, which has no build for every torch, and reads text without it.
    """
    if importlib.util.find_spec("llamafactory") is None:
        pytest.skip("needs LLaMA-Factory: make test-engines")
    monkeypatch.setenv("DISABLE_VERSION_CHECK", "1")
    if importlib.util.find_spec("torchaudio") is None:
        audio = ModuleType("torchaudio")
        audio.__spec__ = ModuleSpec("torchaudio", None)
        monkeypatch.setitem(sys.modules, "torchaudio", audio)
    return importlib.import_module(module)
