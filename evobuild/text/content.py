"""What a text holds besides prose: code, tables and figures, and what of it another text lacks.

Code is the content of a fence, and lines that look like code; a table is lines of cells, with bars or
as CSV. Figures are numbers, addresses and quoted texts. Names do not count: an evolution may change them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Literal, NamedTuple

from evobuild.text.words import compose, split_alphanumerics

Kind = Literal["prose", "code", "table"]
MOST_SOUGHT = 200
"""Lines, addresses and quoted texts, each, of one text that are looked for in another, the first ones."""
MOST_LOST = 20
"""What is named of a text as missing."""
SHOWN = 80
"""Characters of a figure that is named."""
_FENCE = re.compile(r"[ \t>]*(```|~~~)")
_CODE = re.compile(
    r"""(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[:({]|import\s+[\w.]+(?:\s+as\s+\w+|,.*)?;?$
    |from\s+[\w.]+\s+import\s|using\s+[\w.]+(?:\s+\w+)?;|\#include\b|\#!|//|/\*|\$[a-z_]\w*|<!DOCTYPE|</?\w[^<>]*>
    |(?:if|for|while|switch|catch|elif)\b.*[:{]$|(?:else|try|finally|do)\s*[:{]|return\b[^.]*;?$
    |(?:SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|CREATE\s+TABLE|ALTER\s+TABLE|FROM|WHERE)\s+[\w*`"(]
    |(?:public|private|protected|static|const|let|var|function|func|void|int|float|double|char|bool|String)
      (?:\[\])*\s++\w++.*[;{=()]
    |[\w.\[\]"']+(?:\s*,\s*\w+)*\s*[-+*/|&:]?=\s*\S|[\w.]+\(.*\)\s*;?$|@\w+(?:\(.*\))?$
    |[{\[].*[}\]][;,]*$|["'][\w -]+["']\s*:\s*\S|[{}()\[\]]+[;,]?$|.*[\w)\]"']\s*\{$
    |[^()=+<>\[\]{}"']*+[()=+<>\[\]{}"'].*;$
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"(?<![^\W\d_])\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_BULLET = re.compile(r"^[ \t>*-]*\(?\d{1,2}[.)][ \t]", re.MULTILINE)
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')\]]++|(?<![\w.+-])[\w.+-]{1,64}+@[\w-]++\.(?:[.-]*+\w++)++"
)
_QUOTED = re.compile(
    r'"([^"\n]{2,200})"|“([^“”\n]{2,200})”|«([^«»\n]{2,200})»|「([^「」\n]{2,200})」|`([^`\n]{2,200})`'
)
_NUMERAL = re.compile(r"[a-z]+(?:-[a-z]+)?")
_SMALL_TEXT = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen
"""
_SMALL = _SMALL_TEXT.split()
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_NUMERALS = {name: str(value) for value, name in enumerate(_SMALL, start=1)}
_NUMERALS |= {name: str(value * 10) for value, name in enumerate(_TENS, start=2)}
_NUMERALS |= {
    f"{tens}-{unit}": f"{value}{number}"
    for value, tens in enumerate(_TENS, start=2)
    for number, unit in enumerate(_SMALL[:9], start=1)
}
# These words are common, and parts of other numbers: they may match a figure, but are never missing figures.
_LOOSE = {"one": _NUMERALS.pop("one"), "hundred": "100", "thousand": "1000", "million": "1000000"}


class Part(NamedTuple):
    """Adjacent lines of one kind."""

    kind: Kind
    lines: tuple[str, ...]


def split_content(text: str) -> list[Part]:
    """Split a text into prose, code and tables, in order, without the fences."""
    grouped = groupby(_kinds(text.splitlines()), key=itemgetter(0))
    found = [Part(kind, tuple(line for _, line in lines)) for kind, lines in grouped]
    return [part for part in found if any(line.strip() for line in part.lines)]


def extract_prose(text: str) -> str:
    """Return the parts of a text that are neither code nor a table."""
    if "\n" not in text and "`" not in text and not _CODE.match(text):
        return text
    return _prose(split_content(text))


def _prose(parts: Iterable[Part]) -> str:
    return "\n".join(line for part in parts if part.kind == "prose" for line in part.lines)


def is_code(text: str) -> bool:
    """Return whether a text is code and nothing else."""
    found = split_content(text)
    return bool(found) and all(part.kind == "code" for part in found)


def _kinds(lines: list[str]) -> Iterator[tuple[Kind, str]]:
    """Classify each line, and drop the fences."""
    fence = ""
    separated = _find_csv_lines(lines)
    kind: Kind = "prose"
    for number, line in enumerate(lines):
        if not line and not fence:
            kind = "prose"
            yield kind, line
            continue
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1] == fence):
            fence = "" if fence else mark[1]
            continue
        if fence or _is_code_line(line, below_code=kind == "code"):
            kind = "code"
        else:
            kind = "table" if number in separated or _has_cells(line) else "prose"
        yield kind, line


def _is_code_line(line: str, below_code: bool) -> bool:
    # Below a line of code, what is indented is code, too, and so are comments.
    continues = below_code and line.startswith((" ", "\t", "#"))
    return continues or _CODE.match(line.strip()) is not None


def _has_cells(line: str) -> bool:
    return line.count("|") > 1 or line.count("\t") > 1


def _find_csv_lines(lines: list[str]) -> set[int]:
    """Return the numbers of CSV lines: at least three with equally many short cells, one of them a number."""
    found: set[int] = set()
    counts = [line.count(",") for line in lines]
    for commas, run in groupby(range(len(lines)), key=counts.__getitem__):
        rows = list(run)
        if commas and len(rows) > 2:
            cells = [cell.strip() for number in rows for cell in lines[number].split(",")]
            if all(0 < len(cell) < 40 for cell in cells) and any(cell[0].isdigit() for cell in cells):
                found.update(rows)
    return found


def find_missing_content(text: str, child: str) -> list[str]:
    """List code, tables and figures of a text that are missing in another.

    A block is missing if less than half of its lines are there, whatever their space, case and, in a
    table, punctuation. Numbers are compared by value: 1,000 is 1000, and three is 3. The numbers of a
    list's points are no figures. Instance: ["number 12", 'quoted "He go home"'].
    """
    if text in child:
        return []
    whole = "".join(child.split()).casefold()
    said = _letters(whole)
    lost = []
    left = MOST_SOUGHT
    parts = split_content(text)
    for part in parts:
        if part.kind != "prose":
            lines = [line for line in part.lines if any(map(str.isalnum, line))]
            kept = [_keeps(part.kind, line, whole, said) for line in lines[:left]]
            left -= len(kept)
            if kept and sum(kept) * 2 < len(kept):
                lost.append(f"{part.kind} of {len(lines)} lines: {part.lines[0].strip()[:40]}")
    return [*lost, *_find_lost_figures(_prose(parts), child, said)][:MOST_LOST]


def _keeps(kind: Kind, line: str, whole: str, said: str) -> bool:
    if kind == "code":
        return "".join(line.split()).casefold() in whole
    return _letters(line).casefold() in said


def _letters(text: str) -> str:
    """Return the letters and digits of a text."""
    return "".join(split_alphanumerics(text))


def _find_lost_figures(text: str, child: str, said: str) -> list[str]:
    lost = []
    # A plain search spares most texts a slow one.
    if any(mark in text for mark in ("://", "www.", "@")):
        addresses = [address.rstrip(".,;:!?") for address in _distinct(_ADDRESS.findall(text))]
        lost += [f"address {address[:SHOWN]}" for address in addresses if address not in child]
        text = _ADDRESS.sub(" ", text)
    quoted = _distinct("".join(found) for found in _QUOTED.findall(text))
    lost += [f'quoted "{each[:40]}"' for each in quoted if _letters(each).casefold() not in said]
    rest = _QUOTED.sub(" ", text)
    words = child.casefold()
    there = read_numbers(child) | {value for word, value in _LOOSE.items() if word in words}
    missing = sorted(read_numbers(rest) - there)[:MOST_LOST]
    return lost + [f"number {number[:SHOWN]}" for number in missing]


def _distinct(found: Iterable[str]) -> list[str]:
    """Return the distinct items, the first ones only, to bound the time."""
    return list(islice(dict.fromkeys(found), MOST_SOUGHT))


def read_numbers(text: str) -> set[str]:
    """Parse the values of numbers in a text, in digits and in English words."""
    text = compose(text)
    found = {_value(number) for number in _NUMBER.findall(_BULLET.sub("", text))}
    return found | {_NUMERALS[word] for word in _NUMERAL.findall(text.casefold()) if word in _NUMERALS}


def _value(number: str) -> str:
    number = number.replace(",", "" if _THOUSANDS.fullmatch(number) else ".")
    if number.count(".") == 1:
        number = number.rstrip("0").rstrip(".")
    return number.lstrip("0") or "0"
