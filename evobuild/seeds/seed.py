"""Source rows become round r0 and a held-out set; what is lost on the way is a reject with its reason.

The held-out rows are split off first, by whole near-duplicate groups (the turns of a conversation
are one group too), so that nothing which trains, optimizes or evolves has seen them or their like. A group
is reserved if the lowest draw among its first DECIDING rows is below a bound that no row changes. So a row
that is held out does not enter r0 when rows are added, wherever they stand and whatever they are like: its
group can but grow, and take rows of r0 with it. (In a group of more rows it can, if what is put in or joins
it stands before the one row that decides.) Where `rows` are drawn, the held-out rows are drawn among the
reserved ones, `held_out` times as many, and the others of these are for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from evobuild.core.draws import draw_rows, draw_value
from evobuild.core.errors import BadInput
from evobuild.core.reasons import NOT_DRAWN
from evobuild.core.tables import Instruction, Reject
from evobuild.seeds.clean import clean_source_rows
from evobuild.seeds.extra import named_fields
from evobuild.seeds.fields import listed_fields
from evobuild.seeds.formats import SourceRow
from evobuild.seeds.params import Seed
from evobuild.seeds.sifting import find_unfit_rows
from evobuild.text import minhash

DECIDING = 3
"""Rows of a group, the first in the source, that decide whether it is held out. At a share of 0.1 so are 0.1
of the single rows, 0.19 of the pairs, and 0.27 of all larger groups."""


class Split(NamedTuple):
    """Every source row, once: in r0, held out, or rejected."""

    r0: list[Instruction]
    held_out: list[Instruction]
    rejects: list[Reject]


Kept = Sequence[tuple[SourceRow, Instruction]]
"""The rows that are not lost, each with its source row."""


def split_seed_rows(sources: Sequence[SourceRow], params: Seed, random_seed: int) -> Split:
    """Normalise source rows, drop what is no seed, and split off the held-out set.

    Raises BadInput if rows are to be held out and all are one group.
    """
    kept, rejects = keep_seeds(sources, params)
    reserved = _reserved(kept, params, random_seed) if params.held_out and kept else set[str]()
    rows = [row for _, row in kept]
    held_out = [row for row in rows if row.id in reserved]
    r0 = [row for row in rows if row.id not in reserved]
    if params.rows is not None:
        drawn = min(params.rows, len(rows))
        wanted = max(1, round(drawn * params.held_out))
        held_out = draw_rows(held_out, wanted, random_seed, "held-out rows")
        r0 = draw_rows(r0, drawn, random_seed, "rows")
    taken = {row.id for row in (*held_out, *r0)}
    rejects += [Reject(row.id, NOT_DRAWN, source.place, "") for source, row in kept if row.id not in taken]
    return Split(r0, held_out, rejects)


def keep_seeds(
    sources: Sequence[SourceRow], params: Seed
) -> tuple[list[tuple[SourceRow, Instruction]], list[Reject]]:
    """Give each source row that can be a seed as a row of r0, and the others as rejects.

    Raises BadInput if params.extra names a column that no row has.
    """
    if params.extra != "all":
        if unknown := set(params.extra).difference(*(source.extra for source in sources)):
            raise BadInput(
                f"seed.extra names {listed_fields(sorted(unknown))}, which is no other column of the source"
            )
        sources = [source._replace(extra=named_fields(source.extra, params.extra)) for source in sources]
    unfit = find_unfit_rows(sources, params)
    return clean_source_rows(sources, params.domain, params.deduplicate, unfit)


def _reserved(kept: Kept, params: Seed, seed: int) -> set[str]:
    """The ids of the rows that are not for r0: one group at least, and never all.

    Of all rows `held_out`; where only some are drawn, the part that the held-out rows are of both.
    """
    grouped = _groups(kept, params.near_duplicate, seed)
    if len(grouped) == 1:
        raise BadInput(
            f"nothing can be held out: all {len(kept)} distinct rows are near-duplicates or turns of one "
            "conversation; bring other rows, raise seed.near_duplicate, or set seed.held_out to 0"
        )
    share = params.held_out if params.rows is None else params.held_out / (1 + params.held_out)
    ordered = sorted((_group_value([kept[place] for place in group], seed), group) for group in grouped)
    below = sum(value < share for value, _ in ordered)
    chosen = ordered[: min(max(below, 1), len(ordered) - 1)]
    return {kept[place][1].id for _, group in chosen for place in group}


def _group_value(group: Kept, seed: int) -> float:
    """The lowest draw among the first rows of a group; a conversation has one draw, that of its last turn.

    It can but fall when rows join a group or it joins another. Of all rows of a large group nearly always one
    is low, so that it would nearly always be held out.
    """
    last = {source.conversation: row.id for source, row in group}
    return min(draw_value(seed, "held out", identity) for identity in islice(last.values(), DECIDING))


def _groups(kept: Kept, threshold: float, seed: int) -> list[list[int]]:
    """Places that must stay together: near-duplicates, and the turns of one conversation."""
    asked = (f"{row.instruction}\n{row.input}" for _, row in kept)
    near = minhash.group_near_duplicates(asked, threshold, seed, len(kept)).tolist()
    together: dict[int, int] = {}
    joined = [
        together.setdefault(source.conversation, group) for (source, _), group in zip(kept, near, strict=True)
    ]
    # A conversation joins the groups of all its turns: follow the links until they settle.
    links = {group: group for group in near}
    for group, other in zip(near, joined, strict=True):
        one, two = _root(links, group), _root(links, other)
        links[max(one, two)] = min(one, two)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(near):
        members[_root(links, group)].append(place)
    return list(members.values())


def _root(links: dict[int, int], group: int) -> int:
    while links[group] != group:
        group = links[group]
    return group
