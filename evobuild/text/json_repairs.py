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

from evobuild.text.json_replies import MOST_TRIES, count_wasted, reading_budget

LONGEST_CODE = 10_000
"""Characters of code that is parsed: a parser of Python takes seconds for a megabyte."""

_DECODER = json.JSONDecoder(strict=False)
_WORDS = {"True": "true", "False": "false", "None": "null"}
# Whole strings, unless the text ends within one: braces and words inside strings do not count.
_STRING = r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)'
_STRING_OR_BRACE = re.compile(rf"{_STRING}|[{{}}]", re.DOTALL)
_STRING_OR_WORD = re.compile(rf"{_STRING}|\b(?:{'|'.join(_WORDS)})\b", re.DOTALL)
_BACKSLASH = re.compile(r'\\(["\\/bfnrtu]?)')
_FENCE = re.compile(r"```\w*+[ \t]*+\n")
_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\"": '"', r"\'": "'", r"\\": "\\"}
_ESCAPED = re.compile(r"\\[nt\"'\\]")
# Strings and comments, whose escapes are their own, or an escaped line break among them.
_BREAK_IN_CODE = re.compile(
    r"""(\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.?|[^"\\])*+(?:"|\Z)|'(?:\\.?|[^'\\])*+(?:'|\Z)|\#(?:(?!\\n).)*)|\\n""",
    re.DOTALL,
)


def find_json_objects(text: str) -> Iterator[dict[str, object]]:
    """Yield the JSON objects of a text, in order, without nested ones."""
    end, left = 0, reading_budget(text)
    for _ in range(MOST_TRIES):
        start = text.find("{", end)
        if start < 0 or left < 0:
            return
        try:
            value, end = _DECODER.raw_decode(text, start)
        # ValueError: a number of thousands of digits. RecursionError: thousands of braces in one another.
        except (ValueError, RecursionError) as error:
            value, end, lost = _repair_object(text, start, error)
            left -= lost
        if isinstance(value, dict):
            yield value


def _repair_object(text: str, start: int, error: Exception) -> tuple[object, int, int]:
    """Return the object where JSON parsing stopped, or None; the position to continue; and wasted
    characters.
    """
    if not _can_be_mended(text, error):
        return None, start + 1, count_wasted(text, start, error)
    end = _find_object_end(text, start)
    if end is None:
        return None, start + 1, len(text) - start
    try:
        return _DECODER.decode(_STRING_OR_WORD.sub(_repair_token, text[start:end])), end, 0
    except (ValueError, RecursionError):
        return None, start + 1, end - start


def _can_be_mended(text: str, error: Exception) -> bool:
    if not isinstance(error, json.JSONDecodeError):
        return False
    is_word = error.msg.startswith("Expecting value") and text.startswith(tuple(_WORDS), error.pos)
    return is_word or error.msg.startswith("Invalid \\")


def _find_object_end(text: str, start: int) -> int | None:
    """Find the brace that closes the one at a position; None without it."""
    depth = 0
    for found in _STRING_OR_BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if not depth:
            return found.end()
    return None


def _repair_token(found: re.Match[str]) -> str:
    """Escape the backslashes that JSON does not know in a string, or spell a word as JSON does."""
    if found[0] in _WORDS:
        return _WORDS[found[0]]
    if "\\" not in found[0]:
        return found[0]
    return _BACKSLASH.sub(lambda each: each[0] if each[1] else "\\\\", found[0])


def parse_code(text: str) -> ast.Module | None:
    """Parse code; None if it does not compile or is too long."""
    if len(text) > LONGEST_CODE:
        return None
    try:
        with warnings.catch_warnings():
            # Of escapes such as "\\d", which work.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    # ValueError: null bytes, half a character. The others: thousands of brackets in one another.
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def find_compiling_code(text: str) -> tuple[str, ast.Module] | None:
    """Return the first reading of code that compiles, with its syntax tree; None without any.

    Tried are the code as it is, without its fence, with one level of escapes less, in quotes alone, in all
    of it, and between its strings.
    """
    bare = _strip_fence(text)
    between = _BREAK_IN_CODE.sub(lambda found: found[1] or "\n", bare)
    readings = (bare, bare.replace(r"\'", "'"), unescape_once(bare), between)
    for candidate in dict.fromkeys(readings):
        if (tree := parse_code(candidate)) and tree.body:
            return candidate, tree
    return None


def _strip_fence(text: str) -> str:
    stripped = text.strip()
    opening = _FENCE.match(stripped)
    if not opening or not stripped.endswith("```") or len(stripped) < opening.end() + 3:
        return text
    return stripped[opening.end() : -3].rstrip(" \t").removesuffix("\n")


def unescape_once(text: str) -> str:
    """Remove one level of escapes."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)
