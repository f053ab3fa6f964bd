"""Families of texts that wear readers out: repeated characters, near misses, nesting, odd Unicode.

A family makes a text of so many bytes of UTF-8, at most. Each is a class of its own: most have a regex or a
parser in mind that reads it again and again, or one that would go too deep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

Family = Callable[[int], str]
"""A text of so many bytes."""


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def repeated(unit: str, before: str = "", after: str = "") -> Family:
    """Repeat a unit between a beginning and an end."""
    return lambda size: before + unit * ((size - _length(before + after)) // _length(unit)) + after


def numbered(unit: str, before: str = "", after: str = "") -> Family:
    """Repeat a unit with `{}` in it, each time with another number."""

    def text(size: int) -> str:
        parts: list[str] = []
        left = size - _length(before + after)
        for number in count(1):
            part = unit.replace("{}", str(number))
            left -= len(part)
            if left < 0:
                break
            parts.append(part)
        return before + "".join(parts) + after

    return text


def nested(opening: str, within: str, closing: str) -> Family:
    """Nest as deep as the size allows."""

    def text(size: int) -> str:
        depth = (size - _length(within)) // _length(opening + closing)
        return opening * depth + within + closing * depth

    return text


_CHARACTERS = {
    "spaces": " ",
    "tabs": "\t",
    "line feeds": "\n",
    "carriage returns": "\r",
    "line ends of two": "\r\n",
    "nulls": "\0",
    "byte order marks": "\ufeff",
    "zero width spaces": "\u200b",
    "zero width joiners": "\u200d",
    "right to left overrides": "\u202e",
    "line separators": "\u2028",
    "lone surrogates": "\ud800",
    "pairs of surrogates": "\ud83d\ude00",
    "emoji": "👩\u200d👧",
    "letters": "a",
    "capitals": "A",
    "digits": "7",
    "digits of India": "७",
    "superscripts": "²",
    "ligatures": "\ufdfa",
    "dotted capitals": "İ",
    "sharp s": "ß",
    "Han": "河",
    "kana": "あ",
    "Thai": "ก",
    "Arabic": "ع",
    "combining accents": "e\u0301",
    "stacked marks": "\u0301\u0327",
    "marks in disorder": "\u0f74\u0f71\u0345\u0301\u0327",
    "underscores": "_",
    "asterisks": "*",
    "hyphens": "-",
    "dashes": "—",
    "full stops": ".",
    "commas": ",",
    "colons": ":",
    "full width colons": "：",
    "question marks": "?",
    "exclamation marks": "!",
    "hashes": "#",
    "backticks": "`",
    "fences": "```\n",
    "tildes": "~~~\n",
    "quotes": '"',
    "apostrophes": "'",
    "opening quotes": "“",
    "corner brackets": "「",
    "guillemets": "«",
    "backslashes": "\\",
    "escaped apostrophes": "\\'",
    "escaped line feeds": "\\n",
    "halves of characters, escaped": "\\ud800",
    "round brackets": "(",
    "square brackets": "[",
    "braces": "{",
    "closing braces": "}",
    "angle brackets": "<",
    "bars": "| ",
    "slashes": "/",
    "percent signs": "%",
    "equals signs": "=",
    "at signs": "a@",
    "addresses": "a@b.",
    "web addresses": "http://www.",
}
_UNITS = {
    "words": "word ",
    "words alike": "ha ",
    "lines": "a line of words\n",
    "sentences": "It is so. ",
    "steps": "Step 1:\n",
    "labels": "#Rewritten Instruction#\n",
    "final labels": "#Finally Rewritten Instruction# ",
    "input labels": "#Input#:\n",
    "method labels": "#Methods List#:\n",
    "items": "- item\n",
    "numbered items": "1. ",
    "bold items": "- **a:** ",
    "negations": "not ",
    "half verdicts": "equal? ",
    "verdicts": "verdict: not equal ",
    "levels": "very easy ",
    "level labels": "difficulty level ",
    "score labels": "score ",
    "scores": "score: 7",
    "scores of most": "70 out of ",
    "scores that may be": "Score (",
    "thoughts": "<think>",
    "thoughts closed": "<think></think>",
    "thoughts mentioned": "`</think>` ",
    "harmony": "<|start|>assistant<|channel|>analysis<|message|>",
    "lead-ins": "Sure! Here is the ",
    "remarks": "\n\nThis version ",
    "offers": "\nLet me know if you ",
    "excuses": "sorry, but i am unable to ",
    "rewritings": "new revised ",
    "slots": "{instruction}",
    "half slots": "{ the ",
    "assignments": "a = b, ",
    "calls": "f(x) ",
    "declarations": "int a ",
    "queries": "SELECT a FROM ",
    "table cells": "1,2,3\n",
    "spelled words": "True ",
    "objects": '{"a": 1} ',
    "objects in apostrophes": "{'a': 1} ",
    "objects with a comma": '{"a": 1,} ',
    "objects with a true": '{"a": True} ',
    "objects cut off": '{"a": [1, ',
    "strings cut off": '{"a": "',
    "functions": "def evaluate(response):\n    return True\n",
    "signs before numbers": "-+~",
    "denials": "not not ",
    "functions in line": "lambda x: ",
    "sums": "1+",
    "parts of parts": "a.b[0]",
    "statements": "x=1;",
}
_NUMBERED = {
    "distinct words": "w{} ",
    "distinct words and words alike": "w{} a ",
    "distinct lines of code": "x{} = {}\n",
    "distinct blocks of code": "x{} = {}\n\nand so on\n",
    "distinct numbers": "{} and ",
    "distinct quotes": '"ab{}" ',
    "distinct addresses": "https://a.b/{} ",
    "distinct sentences": "C'est le mot {}. ",
    "distinct labels": "#Label {}# ",
    "distinct keys": '{"k{}": {}, "a": ',
    "distinct items": "- Use {} words.\n",
    "distinct tags": '"tag {}", ',
}
_NEAR_MISSES: Mapping[str, Family] = {
    "score and underscores": repeated("_", "Score: "),
    "score and blanks": repeated(" ", "Score", "x"),
    "score and line feeds": repeated("\n", "score is", "x"),
    "score and asterisks": repeated("* ", "rating "),
    "score and dashes": repeated(" - ", "Score"),
    "score and brackets": repeated("(", "Score: "),
    "score and an open bracket": repeated("a", "score ("),
    "number and blanks": repeated(" ", "70", "/"),
    "blanks and a number": repeated(" ", "", "70x"),
    "number and signs": repeated("*_`", "70", "x"),
    "level and underscores": repeated("_", "Difficulty level: "),
    "level and blanks": repeated(" ", "level", "x"),
    "level and blanks and is": repeated(" ", "difficulty is", "x"),
    "verdict and line feeds": repeated("\n", "verdict:", "x"),
    "equal and blanks": repeated(" ", "equal", "x"),
    "not and commas": repeated(", ", "not"),
    "not and letters": repeated("a", "not ", " equa"),
    "letters and not": repeated("n't", "", "x"),
    "step and blanks": repeated(" ", "Step", "x"),
    "step and signs": repeated("*", "Step 4", "x"),
    "hash and blanks": repeated(" ", "#", "x"),
    "hash and letters": repeated("a", "#Rewritten ", "x"),
    "label and blanks": repeated(" ", "#Finally Rewritten Instruction#", "x"),
    "label and underscores": repeated("_", "#finally", "rewritten"),
    "rewritten": repeated("rewritten ", "#finally "),
    "item and blanks": repeated(" ", "- ", ""),
    "item and asterisks": repeated("*", "1. **", "x"),
    "bold": repeated("a", "**", "*"),
    "brace and blanks": repeated(" ", "{{", "x"),
    "fence and letters": repeated("a", "```"),
    "fence and blanks": repeated(" ", "```", "x"),
    "fence of a method": repeated(" \n", "```\n", "Optimized Metho"),
    "fence of a method and signs": repeated("#* ", "```Optimized Method", "x"),
    "closing fences": repeated("```\n", "```Optimized Method\n", "x"),
    "tag in code": repeated("</think> ", "`", ""),
    "thought and blanks": repeated(" ", "</think>", "x"),
    "thought and line feeds": repeated("\n", "<think>a</think>", "x"),
    "blanks and thoughts": repeated("\t", "", "</think>"),
    "quotes and thoughts": repeated('"</think>', "<think>"),
    "closers and thoughts": repeated(')"</think>', "a"),
    "rest of a declaration": repeated("a", "int a"),
    "rest of a statement": repeated("(", "x "),
    "rest of an import": repeated("a", "import a as "),
    "rest of a call": repeated(")", "f(", "x"),
    "rest of a list": repeated("]", "[", "x"),
    "rest of a comparison": repeated("a , ", "a"),
    "address of letters": repeated("a", "a" * 60 + "@"),
    "address of stops": repeated(".", "a@b.", ""),
    "address of hyphens": repeated("-", "a" * 60 + "@b."),
    "lead-in and words": repeated("new ", "Here is the revised "),
    "lead-in and blanks": repeated(" \n", "Sure", "x"),
    "lead-in and letters": repeated("a", "Here is "),
    "remark and line feeds": repeated("\n ", "Here is the new prompt:\n", "x"),
    "answer and blanks": repeated(" ", "The answer is", "x"),
    "answer and questions": repeated("?! ", "The answer is ", "x"),
    "provide and blanks": repeated("please ", "", "provide"),
    "question and blanks": repeated(" ", "What", "x?"),
    "constraint": repeated("a", "The ", " constraint"),
    "string and escapes": repeated("\\'", '{"func": "', '"}'),
    "string and odd escapes": repeated("\\d", '{"func": "', '"}'),
    "words of Python": repeated("True,", '{"a": [', "]}"),
    "words of Python, open": repeated("True,", '{"a": ['),
    "a long number": repeated("9", '{"score": ', "}"),
    "a long exponent": repeated("9", '{"score": 1e', "}"),
    "a long fraction": repeated("9", "Score: 7.", ""),
    "a long integer": repeated("9", "x = "),
    "numbers of a list": repeated("1,", '[{"tag": '),
    "many open before numbers": repeated("1,", "[" * 190),
    "no number in lists": repeated('{"a": NaN} '),
    "many a constant": repeated("NaN,", '{"score": ['),
    "quotes of three": repeated('"""', "x = ", "'"),
    "comments": repeated("# \\n", "", "x"),
    "code of one line": repeated("\\n    x = 1", "def evaluate(response):"),
}
_NESTED = {
    "nested lists": nested("[", "1", "]"),
    "nested objects": nested('{"a":', "1", "}"),
    "nested scores": lambda size: (
        '{"score": ' + nested("[", "1", "]")(min(size, 1900)) + "}" + " " * (size - 2000)
    ),
    "nested levels": lambda size: (
        '{"level": ' + nested("[", "1", "]")(min(size, 1500)) + "}" + "[" * (size - 2000)
    ),
    "nested tags": lambda size: nested("[", '{"tag": "a"}', "]")(size),
    "nested verifiers": nested('{"func": ', '"x"', "}"),
    "nested brackets": nested("(", "1", ")"),
    "nested calls": nested("f(", "1", ")"),
    "nested brackets at the limit": lambda size: (nested("(", "1", ")")(380) + "\n") * (size // 381),
    "nested sums": nested("(1+", "1", ")"),
    "nested thoughts": nested("<think>", "x", "</think>"),
    "nested slots": nested("{", "instruction", "}"),
    "nested quotes": nested("“", "x", "”"),
    "nested bold": nested("**", "x", "**"),
    "nested fences": nested("```\n", "x\n", "```\n"),
    "nested blocks": lambda size: "".join(" " * depth + "if x:\n" for depth in range(int((2 * size) ** 0.5)))[
        :size
    ],
    "nested literals": repeated("f'{", "x = "),
}

FAMILIES: dict[str, Family] = (
    {name: repeated(unit) for name, unit in (_CHARACTERS | _UNITS).items()}
    | {name: numbered(unit) for name, unit in _NUMBERED.items()}
    | dict(_NEAR_MISSES)
    | _NESTED
)
