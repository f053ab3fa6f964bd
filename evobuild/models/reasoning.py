"""Reasoning models: how much they are to think, and what they thought told apart from their answer.

Whoever reads a reply is given the answer alone: a thought is no instruction, no response and no score. The
chat client splits every reply here, also those that were stored before; the reply cache keeps them as they
came. Servers that split replies themselves send the thoughts beside the content.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

from evobuild.core.chat import Choice, Finish, Reply
from evobuild.models.markers import OPENING, Marker, code_spans, markers, may_have_markers

MOST_BLOCKS = 8
"""Thoughts before an answer; what follows them is the answer's own. It bounds the time that a text takes."""

_LEAD = re.compile("[\\s\ufeff\u200b\u2060]*")
"""Characters that may precede a thought; some of them are invisible."""
_HALF = re.compile("[\ud800-\udfff]")
_BEFORE_ANSWER = re.compile(r"\s*(?:\n|\Z)|\s+")
_BEFORE_SPLIT_ANSWER = re.compile(r"\s*(?:\n|\Z)| (?=\S)")
"""Blanks between a thought and its answer, whose indentation stays; and what a server leaves of them."""


class Parts(NamedTuple):
    """A text told apart. complete: False if it ends within a thought, so that there is no answer yet."""

    reasoning: str
    answer: str
    complete: bool


class _Thought(NamedTuple):
    """A thought, and where it ends in its text, its marker included; None if it never does."""

    text: str
    end: int | None


def split_reasoning(text: str, is_split: bool = False) -> Parts:
    """Split a text into thoughts and answer, in time linear in its length.

    A thought precedes the answer: from an opening marker, which begins the text, to its closing one, or
    up to a closing marker alone, since many chat templates open the thought in the prompt. A marker in code
    or quotes closes nothing unless no other does; nor does one alone within a sentence, or
    after an opening one. is_split: a server has told thoughts apart already; only whole ones are taken.

    Instances: "<think>\\nabc\\n</think>\\n\\nHi" and "abc\\n</think>\\n\\nHi" -> ("abc", "Hi", True);
    "<think> abc" -> ("abc", "", False); "The tag </think> ends it." stays as it is.
    """
    if not may_have_markers(text):
        return Parts("", text, True)
    code = code_spans(text)
    thoughts: list[str] = []
    start = 0
    while len(thoughts) < MOST_BLOCKS and (thought := _first_thought(text, start, code, is_split)):
        thoughts.append(thought.text)
        if thought.end is None:
            return Parts(_joined(*thoughts), "", False)
        start = thought.end
    return Parts(_joined(*thoughts), _without_lead(_BEFORE_ANSWER, text[start:]) if start else text, True)


def with_answer_alone(reply: Reply) -> Reply:
    """Give a reply whose texts are answers, with the thoughts beside them.

    One that ends within a thought was cut off, whatever its server says.
    """
    choices = tuple(map(_with_answer_alone, reply.choices))
    return reply if choices == reply.choices else replace(reply, choices=choices)


def whole_characters(text: str) -> str:
    """Replace each half of a character, which JSON can escape and no file can hold, by �."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _with_answer_alone(choice: Choice) -> Choice:
    if _HALF.search(choice.text) or _HALF.search(choice.reasoning):
        text, thoughts = map(whole_characters, (choice.text, choice.reasoning))
        choice = replace(choice, text=text, reasoning=thoughts)
    reasoning, answer, complete = split_reasoning(choice.text, bool(choice.reasoning))
    if complete and answer == choice.text and not choice.reasoning:
        return choice
    finish: Finish = "length" if choice.finish == "stop" and not complete else choice.finish
    if answer == choice.text:
        answer = _without_lead(_BEFORE_SPLIT_ANSWER, answer)
    return replace(choice, text=answer, finish=finish, reasoning=_joined(choice.reasoning, reasoning))


def template_options(reasoning: str) -> dict[str, Any]:
    """Build the variables of a chat template for a role's `reasoning`; templates ignore unknown ones.

    enable_thinking is what Qwen3's and others' take, thinking DeepSeek-V3.1's and Granite's,
    reasoning_effort gpt-oss's.
    """
    if not reasoning:
        return {}
    effort = {} if reasoning in ("off", "on") else {"reasoning_effort": reasoning}
    return dict.fromkeys(("enable_thinking", "thinking"), reasoning != "off") | effort


def server_options(reasoning: str, at_openai: bool) -> dict[str, Any]:
    """Build the fields of a request for a role's `reasoning`. at_openai: it goes to OpenAI's own server.

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


def _joined(*thoughts: str) -> str:
    return "\n\n".join(stripped for thought in thoughts if (stripped := thought.strip()))


def _without_lead(lead: re.Pattern[str], text: str) -> str:
    found = lead.match(text)
    return text[found.end() :] if found else text


def _first_thought(text: str, start: int, code: dict[int, int], is_split: bool) -> _Thought | None:
    """Find the thought at a position of a text, None if the answer begins there."""
    lead = _LEAD.match(text, start)
    if opening := OPENING.match(text, lead.end() if lead else start):
        found = _opened(text, opening.end(), (opening.lastindex or 1) - 1, code)
        return None if is_split and found.end is None else found
    return None if is_split else _closed_alone(text, start, code)


def _opened(text: str, start: int, kind: int, code: dict[int, int]) -> _Thought:
    """Find the thought after its opening marker."""
    resort: Marker | None = None
    for marker in markers(text, start, code):
        if marker.opens or marker.kind != kind:
            continue
        if not marker.in_code and not marker.is_quoted:
            return _Thought(text[start : marker.start], marker.end)
        # A thought may leave code or a quote open; then one that bounds a line is it, else the last.
        if marker.is_quoted and not marker.ends_line:
            continue
        if resort is None or not (resort.begins_line or resort.ends_line):
            resort = marker
    if resort:
        return _Thought(text[start : resort.start], resort.end)
    return _Thought(text[start:], None)


def _closed_alone(text: str, start: int, code: dict[int, int]) -> _Thought | None:
    """Find the thought up to the first closing marker without an opening one that is not quoted."""
    opened: set[int] = set()
    mentioned: set[int] = set()
    for marker in markers(text, start, code):
        if marker.in_code or (marker.is_quoted and not marker.opens):
            continue
        if marker.opens:
            (mentioned if marker.is_mentioned else opened).add(marker.kind)
        elif marker.kind in opened or (marker.kind in mentioned and not marker.begins_line):
            continue
        elif not marker.is_word:
            return _Thought(text[start : marker.start], marker.end)
    return None
