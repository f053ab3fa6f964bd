r"""What models write when they are asked for JSON with code in it, mended where only one thing can be meant.

Mended are line breaks within a string, the words True, False and None of Python, a backslash before what
JSON does not escape (\d, \'), code that was escaped twice and code in a fence. Nothing runs here: code is
parsed, no more.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from json import JSONDecodeError

MOST_TRIES = 200
"""Braces of one reply at which an object may begin."""
MOST_REPAIRS = 500
"""Slips in one reply."""

_DECODER = json.JSONDecoder(strict=False)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_FENCE = re.compile(r"\s*```\w*[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL)
_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\"": '"', r"\'": "'", r"\\": "\\"}
_ESCAPED = re.compile(r"\\[nt\"'\\]")
# Strings and comments, whose escapes are their own, or an escaped line break among them.
_BREAK_IN_CODE = re.compile(
    r"""(\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\#(?:(?!\\n).)*)|\\n""", re.DOTALL
)


def find_json_objects(text: str) -> Iterator[dict[str, object]]:
    """Go through the JSON objects of a text, in order, without those within others."""
    end, repairs = 0, MOST_REPAIRS
    for _ in range(MOST_TRIES):
        if (start := text.find("{", end)) < 0:
            return
        value, text, end, repairs = _decoded(text, start, repairs)
        if isinstance(value, dict):
            yield value


def _decoded(text: str, start: int, repairs: int) -> tuple[object, str, int, int]:
    """The object at a place, with the text as it was mended, where the object ends, and repairs left."""
    while True:
        try:
            value, end = _DECODER.raw_decode(text, start)
            return value, text, end, repairs
        except JSONDecodeError as error:
            mended = _mended(text, error) if repairs else None
            if mended is None:
                return None, text, start + 1, repairs
            text, repairs = mended, repairs - 1
        # ValueError: a number of thousands of digits. RecursionError: thousands of braces in one another.
        except (ValueError, RecursionError):
            return None, text, start + 1, repairs


def _mended(text: str, error: JSONDecodeError) -> str | None:
    """The text without the slip at which JSON stopped, None if it is another one."""
    place = error.pos
    if error.msg.startswith("Expecting value"):
        for word, meant in _WORDS.items():
            if text.startswith(word, place):
                return text[:place] + meant + text[place + len(word) :]
    if error.msg.startswith("Invalid \\") and text[place : place + 1] == "\\":
        return text[:place] + "\\" + text[place:]
    return None


def parse_code(text: str) -> ast.Module | None:
    """Parse code, None if it does not compile."""
    try:
        with warnings.catch_warnings():
            # Of escapes such as "\\d", which work.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    # ValueError: null bytes, half a character. The others: thousands of brackets in one another.
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def find_compiling_code(text: str) -> tuple[str, ast.Module] | None:
    """Give the first reading of some code that compiles, and it parsed; None if none does.

    Tried are the code as it is, without its fence, with one level of escapes less, in quotes alone, in all
    of it, and between its strings.
    """
    fenced = _FENCE.fullmatch(text)
    bare = fenced[1] if fenced else text
    between = _BREAK_IN_CODE.sub(lambda found: found[1] or "\n", bare)
    for candidate in (bare, bare.replace(r"\'", "'"), take_off_escapes(bare), between):
        if (tree := parse_code(candidate)) and tree.body:
            return candidate, tree
    return None


def take_off_escapes(text: str) -> str:
    """Take one level of escapes off."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)
