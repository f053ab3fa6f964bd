"""Reject unfit source rows: turns that ask for nothing, short ones, other languages, other turns.

The turns that `seed.turns` names are of those that are left: the last of a conversation that ends with thanks
is the request before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from evobuild.seeds.clean import Sifted, Unfit
from evobuild.seeds.closings import asks_for_nothing
from evobuild.seeds.formats import SourceRow
from evobuild.seeds.params import Seed
from evobuild.text.language import detect_language
from evobuild.text.words import count_words


def sift_rows(sources: Iterable[SourceRow], params: Seed) -> Iterator[Sifted]:
    """Yield for each row why it is unfit as a seed; the value of a row with an empty instruction is
    undefined.

    sources: rows of a conversation must be adjacent; one conversation is in memory at a time.
    """
    for _, rows in groupby(sources, key=lambda source: source.conversation):
        yield from _sift_conversation(list(rows), params)


def _sift_conversation(rows: Sequence[SourceRow], params: Seed) -> Iterator[Sifted]:
    found = [(row, _unfit(row, params)) for row in rows]
    if params.turns == "all":
        yield from found
        return
    # Rows of one record that are no turns, as of self-instruct, all have the same history.
    asking = [len(row.history) for row, unfit in found if unfit is None and row.instruction.strip()]
    wanted = (min if params.turns == "first" else max)(asking, default=0)
    for row, unfit in found:
        is_other = unfit is None and len(row.history) != wanted
        yield row, Unfit("other turn", f"{row.place}: not the {params.turns}") if is_other else unfit


def _unfit(source: SourceRow, params: Seed) -> Unfit | None:
    """Why a row is no seed whatever the others of its conversation are."""
    if not source.input.strip() and asks_for_nothing(source.instruction):
        return Unfit("asks for nothing", source.place)
    words = count_words(source.instruction) + count_words(source.input)
    if words < params.min_words:
        return Unfit("too short", f"{source.place}: {words} words")
    if params.languages:
        language = detect_language(source.instruction)
        if language is not None and language not in params.languages:
            return Unfit("other language", f"{source.place}: {language}")
    return None
