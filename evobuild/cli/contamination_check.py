"""Find text that any dataset shares with evaluation sets, outside the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from evobuild.contamination import evaluation_sets
from evobuild.contamination.decontaminate import NgramIndex
from evobuild.contamination.evaluation_sets import Question
from evobuild.contamination.hits import Found, Hit
from evobuild.core.errors import UserError
from evobuild.core.escaping import on_terminal
from evobuild.core.instructions import SEED_ROUND, Instruction
from evobuild.core.suggestions import unknown_name
from evobuild.seeds import formats
from evobuild.text.words import split_normalised_words

HEADER = (
    f"{'rows':<28} {'set':<16} {'questions':>9}  {'measure':<8} "
    f"{'rows hit':>8} {'share':>8} {'questions hit':>13}\n"
)
LONGEST = 1000
"""Longest n-gram, in words."""
CLIP = 300
"""Characters of an overlap that are printed."""


def read_sets(sets: Sequence[str], columns: Sequence[str]) -> dict[str, list[Question]]:
    """Read evaluation sets given as NAME=FILE, with columns given as NAME=COLUMN,COLUMN.

    Raises UserError at another syntax, or as `read_evaluation_set` does.
    """
    own = {name: value.split(",") for name, value in map(_parse_pair, columns)}
    files = [_parse_pair(each) for each in sets]
    names = [name for name, _ in files]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"--set {twice[0]}=… is given twice; expected each name once")
    if unknown := sorted(own.keys() - set(names)):
        raise UserError(f"--columns: {unknown_name('set', unknown[0], names)}")
    return {name: evaluation_sets.read_evaluation_set(Path(file), own.get(name, ())) for name, file in files}


def _parse_pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UserError(f"{text!r} is not NAME=…; expected such as gsm8k=test.jsonl")
    return name, value


def find_overlaps(
    files: Sequence[Path], sets: Mapping[str, Sequence[Question]], lengths: Sequence[int], show: int
) -> Iterator[str]:
    """Compare each file of rows with all sets; yield the lines of a table, then the longest overlaps.

    Raises UserError if a file cannot be read as seed data.
    """
    if not all(0 < n <= LONGEST for n in lengths) or len(set(lengths)) < len(lengths):
        raise UserError(f"--ngrams is {lengths}; expected lengths from 1 to {LONGEST:,}, each once")
    index = NgramIndex(sets, lengths)
    yield HEADER
    for file in files:
        hits: list[Hit] = []
        found = index.search(partial(_read_rows, file), hits.append)
        yield from _format_table(file, found, {name: len(rows) for name, rows in sets.items()})
        for name in sets if show else ():
            yield from _format_longest(hits, name, show)


def _read_rows(file: Path) -> Iterator[Instruction]:
    for row in formats.read_seed_rows(file):
        yield Instruction(
            row.place, "", "", "", SEED_ROUND, "", row.history, row.instruction, row.input, row.output
        )


def _format_table(file: Path, found: Found, questions: Mapping[str, int]) -> Iterator[str]:
    count = len(found.is_hit)
    label = f"{file.name} ({count:,})"
    for name in questions:
        for kind in [kind for of, kind in found.touched if of == name]:
            rows = found.hit[name, kind]
            yield (
                f"{label:<28} {name:<16} {questions[name]:>9,}  {kind:<8} {rows:>8,} "
                f"{rows / max(1, count):>8.3%} {found.touched[name, kind]:>13,}\n"
            )


def _format_longest(hits: Sequence[Hit], name: str, show: int) -> Iterator[str]:
    """Format the longest overlaps with a set, one per row."""
    own = [hit for hit in hits if hit.set == name]
    best: dict[str, Hit] = {}
    for hit in sorted(own, key=lambda hit: (-len(split_normalised_words(hit.overlap)), hit.row)):
        best.setdefault(hit.row, hit)
    for hit in list(best.values())[:show]:
        shared = on_terminal(" ".join(hit.overlap[:CLIP].split()))
        words = len(split_normalised_words(hit.overlap))
        yield f"  {hit.row} | {name} {hit.place} | {words} words: {shared}\n"
