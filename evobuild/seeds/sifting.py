"""Source rows that are no seeds: turns that ask for nothing, short ones, other languages, other turns.

The turns that `seed.turns` names are of those that are left: the last of a conversation that ends with thanks
is the request before them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from evobuild.seeds.closings import asks_for_nothing
from evobuild.seeds.formats import SourceRow
from evobuild.seeds.params import Seed
from evobuild.text.language import detect_language
from evobuild.text.words import count_words


class Unfit(NamedTuple):
    """Why a row is no seed."""

    reason: str
    detail: str


def find_unfit_rows(sources: Sequence[SourceRow], params: Seed) -> dict[int, Unfit]:
    """Find the rows that are no seeds, by their places in the list; an empty instruction is none of them."""
    asking = [place for place, source in enumerate(sources) if source.instruction.strip()]
    found = {place: unfit for place in asking if (unfit := _unfit(sources[place], params)) is not None}
    if params.turns == "all":
        return found
    conversations: defaultdict[int, list[int]] = defaultdict(list)
    for place in asking:
        if place not in found:
            conversations[sources[place].conversation].append(place)
    for places in conversations.values():
        # Rows of one record that are no turns, as of self-instruct, all have the same history.
        lengths = [len(sources[place].history) for place in places]
        wanted = min(lengths) if params.turns == "first" else max(lengths)
        for place, length in zip(places, lengths, strict=True):
            if length != wanted:
                found[place] = Unfit("other turn", f"{sources[place].place}: not the {params.turns}")
    return found


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
