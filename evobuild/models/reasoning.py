"""Reasoning models: how much they are to think, and what they thought told apart from their answer.

Whoever reads a reply is given the answer alone: a thought is no instruction, no response and no score. The
chat client splits every reply here, also those that were stored before; the reply store keeps them as they
came. Servers that split replies themselves send the thoughts beside the content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from evobuild.core.chat import Choice, Finish, Reply

MARKERS = (
    (r"<think>", r"</think>"),
    (r"<thinking>", r"</thinking>"),
    (r"<thought>", r"</thought>"),
    (r"<seed:think>", r"</seed:think>"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (
        r"(?:<\|start\|>assistant)?<\|channel\|>analysis<\|message\|>",
        r"(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>",
    ),
)
"""What stands before and after a thought, as patterns: of Qwen and DeepSeek; of fine-tuned models and of
EXAONE; of Seed-OSS; of Magistral; of gpt-oss, whose markers are OpenAI's harmony.

Not <reasoning>: it is what prompts ask for, and no model's own."""

MOST_BLOCKS = 8
"""Thoughts before an answer; what follows them is the answer's own. It bounds the time that a text takes."""

_HINTS = ("think>", "thinking>", "thought>", "think]", "<|message|>")
"""What all markers end with: nearly every text has none of it, and is spared the search."""
_QUOTES = frozenset(('""', "''", "``", "“”", "‘’", "«»", "()", "[]", "**", "__"))
_TOKEN = re.compile(r"<.*?>|\[.*?\]")
"""What a marker's pattern, without its backslashes, is made of."""
_OPENING = re.compile("|".join(f"({opening})" for opening, _ in MARKERS), re.IGNORECASE)
_SIGN = re.compile(
    r"(?P<fence>^[ \t]*(?:```|~~~))|(?P<ticks>`+)|"
    + "|".join(f"(?P<o{kind}>{one})|(?P<c{kind}>{other})" for kind, (one, other) in enumerate(MARKERS)),
    re.IGNORECASE | re.MULTILINE,
)


class Parts(NamedTuple):
    """A text told apart. complete: False if it ends within a thought, so that there is no answer yet."""

    reasoning: str
    answer: str
    complete: bool


class _Marker(NamedTuple):
    """A marker in a text. in_code: between backticks, or in a fenced block."""

    kind: int
    opens: bool
    start: int
    end: int
    in_code: bool


class _Thought(NamedTuple):
    """A thought, and where it ends in its text, its marker included; None if it never does."""

    text: str
    end: int | None


def split_reasoning(text: str) -> Parts:
    """Tell the thoughts of a text from its answer, in time that grows with its length alone.

    A thought stands before the answer: from an opening marker, which begins the text, to its closing one, or
    up to a closing marker alone, since many chat templates open the thought in the prompt. A marker in code
    or quotes closes nothing; nor does one alone that stands as a word in a sentence, or after an opening one.

    Instances: "<think>\\nabc\\n</think>\\n\\nHi" and "abc\\n</think>\\n\\nHi" -> ("abc", "Hi", True);
    "<think> abc" -> ("abc", "", False); "The tag </think> ends it." stays as it is.
    """
    thoughts: list[str] = []
    rest = text
    while len(thoughts) < MOST_BLOCKS and (thought := _first_thought(rest)):
        thoughts.append(thought.text)
        if thought.end is None:
            return Parts(_joined(*thoughts), "", False)
        rest = rest[thought.end :]
    return Parts(_joined(*thoughts), rest.lstrip() if thoughts else text, True)


def with_answer_alone(reply: Reply) -> Reply:
    """Give a reply whose texts are answers, with the thoughts beside them.

    One that ends within a thought was cut off, whatever its server says.
    """
    choices = tuple(map(_with_answer_alone, reply.choices))
    return reply if choices == reply.choices else replace(reply, choices=choices)


def _with_answer_alone(choice: Choice) -> Choice:
    reasoning, answer, complete = split_reasoning(choice.text)
    if complete and answer == choice.text and not choice.reasoning:
        return choice
    finish: Finish = "length" if choice.finish == "stop" and not complete else choice.finish
    return replace(
        choice, text=answer.lstrip(), finish=finish, reasoning=_joined(choice.reasoning, reasoning)
    )


def template_options(reasoning: str) -> dict[str, Any]:
    """What a chat template is told of a role's `reasoning`; templates leave aside what they do not know.

    enable_thinking is what Qwen3's and others' take, thinking DeepSeek-V3.1's and Granite's,
    reasoning_effort gpt-oss's.
    """
    if not reasoning:
        return {}
    effort = {} if reasoning in ("off", "on") else {"reasoning_effort": reasoning}
    return dict.fromkeys(("enable_thinking", "thinking"), reasoning != "off") | effort


def server_options(reasoning: str, at_openai: bool) -> dict[str, Any]:
    """What a request's JSON says of a role's `reasoning`. at_openai: it goes to OpenAI's own server.

    There "none" is off, and "medium" what models that think by default do: OpenAI's API reference. Of other
    servers vLLM, SGLang and llama.cpp hand chat_template_kwargs on to the template; hosted ones know the
    effort.
    """
    if not reasoning:
        return {}
    if at_openai:
        return {"reasoning_effort": {"off": "none", "on": "medium"}.get(reasoning, reasoning)}
    options = template_options(reasoning)
    effort = {name: value for name, value in options.items() if name == "reasoning_effort"}
    return {"chat_template_kwargs": options} | effort


def marking_tokens(special: Iterable[str]) -> set[str]:
    """Those of a tokenizer's special tokens that thoughts are marked with: all that a marker is made of."""
    named = {token.lower(): token for token in special}
    made = [_TOKEN.findall(pattern.lower().replace("\\", "")) for pair in MARKERS for pattern in pair]
    return {named[token] for tokens in made if named.keys() >= set(tokens) for token in tokens}


def opening_at_end(prompt: str) -> str:
    """The opening marker that a prompt ends with, so that the reply begins within a thought; '' if none."""
    return next((found[0] for found in _OPENING.finditer(prompt) if not prompt[found.end() :].strip()), "")


def _joined(*thoughts: str) -> str:
    return "\n\n".join(stripped for thought in thoughts if (stripped := thought.strip()))


def _first_thought(text: str) -> _Thought | None:
    """The thought that a text begins with, None if it begins with its answer."""
    folded = text.lower()
    if not any(hint in folded for hint in _HINTS):
        return None
    start = len(text) - len(text.lstrip())
    if opening := _OPENING.match(text, start):
        return _opened(text, opening.end(), (opening.lastindex or 1) - 1)
    return _closed_alone(text)


def _opened(text: str, start: int, kind: int) -> _Thought:
    """The thought from behind its opening marker on."""
    in_code: _Marker | None = None
    for marker in _markers(text, start):
        if marker.opens or marker.kind != kind:
            continue
        if not marker.in_code and not _is_quoted(text, marker):
            return _Thought(text[start : marker.start], marker.end)
        # A thought may leave a block of code open; then the marker at the start of a line is the one.
        if in_code is None and _before(text, marker) == "\n":
            in_code = marker
    if in_code:
        return _Thought(text[start : in_code.start], in_code.end)
    return _Thought(text[start:], None)


def _closed_alone(text: str) -> _Thought | None:
    """The thought up to the first closing marker that has no opening one before it and is not talked of."""
    opened: set[int] = set()
    last = len(text.rstrip())
    for marker in _markers(text, 0):
        if marker.in_code or _is_quoted(text, marker):
            continue
        if marker.opens:
            opened.add(marker.kind)
        elif marker.kind not in opened and not _is_word(text, marker, last):
            return _Thought(text[: marker.start], marker.end)
    return None


def _markers(text: str, start: int) -> Iterator[_Marker]:
    """All markers from a place on."""
    fence = ticks = ""
    seen = start
    for found in _SIGN.finditer(text, start):
        sign, name = found[0].strip(), str(found.lastgroup)
        if ticks and "\n" in text[seen : found.start()]:
            ticks = ""
        seen = found.end()
        if name == "fence":
            fence = "" if fence == sign else fence or sign
        elif name == "ticks":
            ticks = "" if ticks == sign else ticks or sign
        else:
            yield _Marker(int(name[1:]), name[0] == "o", *found.span(), bool(fence or ticks))


def _is_quoted(text: str, marker: _Marker) -> bool:
    return _before(text, marker) + text[marker.end : marker.end + 1] in _QUOTES


def _is_word(text: str, marker: _Marker, last: int) -> bool:
    """Whether it follows a blank, and does not end its line with more to come. last: the end of all text."""
    before = _before(text, marker)
    ends_line = text[marker.end : marker.end + 1] in ("\n", "\r") and marker.end < last
    return before.isspace() and before != "\n" and not ends_line


def _before(text: str, marker: _Marker) -> str:
    return text[marker.start - 1 : marker.start] if marker.start else ""
