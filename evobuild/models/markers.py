"""The markers of thoughts in a text, and whether they mark one or are spoken of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MARKERS = (
    (r"<think>", r"</think>"),
    (r"<thinking>", r"</thinking>"),
    (r"<thought>", r"</thought>"),
    (r"<seed:think>", r"</seed:think>"),
    (r"(?-i:\[THINK\])", r"(?-i:\[/THINK\])"),
    (
        r"(?:<\|start\|>assistant)?<\|channel\|>analysis<\|message\|>",
        r"(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>",
    ),
)
"""Patterns that open and close a thought: of Qwen and DeepSeek; of fine-tuned models and of
EXAONE; of Seed-OSS; of Magistral, where case counts, for [Think] is a word; of gpt-oss, whose
markers are OpenAI's harmony.

Not <reasoning>: it is what prompts ask for, and no model's own."""

_HINTS = ("think>", "thinking>", "thought>", "think]", "<|message|>")
"""What all markers end with: nearly every text has none of it, and is spared the search."""
_TOKEN = re.compile(r"<.*?>|\[.*?\]")
"""What a marker's pattern, without its backslashes, is made of."""
OPENING = re.compile("|".join(f"({opening})" for opening, _ in MARKERS), re.IGNORECASE)
_CODE = re.compile(r"(?:^|(?<=[>\]]))[ \t]*(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})|`+", re.MULTILINE)
# With a look ahead at the characters that a sign may begin with, which spares most places the rest.
_SIGN = re.compile(
    rf"(?=[<\[`~ \t])(?:(?P<code>{_CODE.pattern.replace('P<fence>', ':')})|"
    + "|".join(f"(?P<o{kind}>{one})|(?P<c{kind}>{other})" for kind, (one, other) in enumerate(MARKERS))
    + ")",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTE = re.compile(r"(?:(?<![^\s([{<=|:,])[rbfu]{0,2}[\"'`*_“‘«]+|[(\[“‘«])\Z", re.IGNORECASE)
"""A quote that opens: not behind a word or a sentence, but for the letter of a string in code."""
_QUOTE_LENGTH = 8
_CLOSERS = "\"'`*_”’»)]} \t\r\n"
_SENTENCE_ENDS = ".!?…:。！？："
_MARKS = ".,;:!?)"
_JOINTS = frozenset("|/=,-\\#&")
"""Characters that may precede a marker in a sentence about markers, without a blank."""
_WORD_FOLLOWS = re.compile(r"[.,;:!?)]|[ \t]+\S")
_GAP = re.compile(r"[ \t\r]*(?:\n\s*)?")


class Marker(NamedTuple):
    """A marker in a text, of which pair of MARKERS. in_code: between backticks, fenced, or indented."""

    text: str
    kind: int
    opens: bool
    start: int
    end: int
    in_code: bool

    @property
    def before(self) -> str:
        """The character before it, '' if it begins the text."""
        return self.text[self.start - 1 : self.start] if self.start else ""

    @property
    def begins_line(self) -> bool:
        """Whether only blanks precede it on its line."""
        return _line_start(self.text, self.start) is not None

    @property
    def ends_line(self) -> bool:
        """Whether a line break follows."""
        return self.text[self.end : self.end + 2].lstrip("\r")[:1] == "\n"

    @property
    def is_quoted(self) -> bool:
        """Whether a quote opens directly before it, whatever follows."""
        return _QUOTE.search(self.text, max(0, self.start - _QUOTE_LENGTH), self.start) is not None

    @property
    def is_word(self) -> bool:
        """Whether it is a word of a sentence, which goes on behind it.

        A closing marker follows a line or a sentence, or joins what is before it. A sentence goes on with a
        mark, or with a small letter behind a blank or a line break.
        """
        after = self.text[self.end : self.end + 1]
        if after and after in _MARKS:
            return True
        gap = _GAP.match(self.text, self.end)
        follows = self.text[gap.end() : gap.end() + 1] if gap else ""
        lines = gap[0].count("\n") if gap else 0
        goes_on = bool(gap and gap[0]) and lines < 2 and follows.islower()
        joins = bool(self.before) and not self.before.isspace()
        if self.ends_sentence:
            return not (joins or self.begins_line or follows)
        if joins or self.begins_line:
            return self.before in _JOINTS or (goes_on and not lines)
        return goes_on or not lines or not follows

    @property
    def is_mentioned(self) -> bool:
        """Whether an opening marker is quoted, or a word between others of its line."""
        is_apart = self.before in (" ", "\t")
        return self.is_quoted or (is_apart and _WORD_FOLLOWS.match(self.text, self.end) is not None)

    @property
    def ends_sentence(self) -> bool:
        """Whether a sentence ends before it."""
        end = self.start
        while end and self.text[end - 1] in _CLOSERS:
            end -= 1
        return end > 0 and self.text[end - 1] in _SENTENCE_ENDS


def may_have_markers(text: str) -> bool:
    """Whether a text may hold a marker; quick, and never wrong where it says no."""
    folded = text.lower()
    return any(hint in folded for hint in _HINTS)


def marking_tokens(special: Iterable[str]) -> set[str]:
    """Select a tokenizer's special tokens that thought markers are made of."""
    named = {token.lower(): token for token in special}
    made = [_TOKEN.findall(pattern.lower().replace("\\", "")) for pair in MARKERS for pattern in pair]
    return {named[token] for tokens in made if named.keys() >= set(tokens) for token in tokens}


def opening_at_end(prompt: str) -> str:
    """Find the opening marker that a prompt ends with, so that the reply begins in a thought; or ''."""
    return next((found[0] for found in OPENING.finditer(prompt) if not prompt[found.end() :].strip()), "")


def code_spans(text: str) -> dict[int, int]:
    """Say where code ends, by where it begins: a fence at the next like it, backticks on their line."""
    found: dict[int, int] = {}
    following: dict[str, int] = {}
    for sign in reversed(list(_CODE.finditer(text))):
        ticks, fence = sign[0], sign["fence"]
        name = f"\n{fence}" if fence else ticks
        end = following.get(name)
        if end is not None and (fence or text.find("\n", sign.end(), end) < 0):
            found[sign.start()] = end
        following[name] = sign.start()
    return found


def markers(text: str, start: int, code: dict[int, int]) -> Iterator[Marker]:
    """Find all markers from a place on. code: the text's `code_spans`."""
    code_end = -1
    for found in _SIGN.finditer(text, start):
        name, (begin, end) = str(found.lastgroup), found.span()
        if name != "code":
            in_code = begin < code_end or _is_indented(text, begin)
            yield Marker(text, int(name[1:]), name[0] == "o", begin, end, in_code)
        elif begin > code_end:
            code_end = code.get(begin, code_end)


def _is_indented(text: str, place: int) -> bool:
    line = _line_start(text, place)
    return line is not None and "    " in text[line:place].expandtabs(4)


def _line_start(text: str, place: int) -> int | None:
    """Find where the line of a position begins, None if more than blanks precede it."""
    begin = place
    while begin and text[begin - 1] in " \t":
        begin -= 1
    return begin if begin == 0 or text[begin - 1] == "\n" else None
