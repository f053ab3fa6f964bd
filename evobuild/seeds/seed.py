"""Source rows become round r0 and a held-out set; what is lost on the way is a reject with its reason.

The held-out rows are split off first, by whole near-duplicate groups (the turns of a conversation
are one group too), so that nothing which trains, optimizes or evolves has seen them or their like.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evobuild.core.errors import BadInput
from evobuild.core.tables import SEED_ROUND, Instruction, Reject, content_id, row_id
from evobuild.seeds.formats import SourceRow
from evobuild.seeds.params import Seed
from evobuild.text import minhash


class Split(NamedTuple):
    """Every source row, once: in r0, held out, or rejected."""

    r0: list[Instruction]
    held_out: list[Instruction]
    rejects: list[Reject]


def split_seed_rows(sources: Iterable[SourceRow], params: Seed, random_seed: int) -> Split:
    """Normalise source rows, drop empty and, if params say so, equal ones, and split off the held-out set.

    The held-out set has `held_out` times the rows drawn, in whole groups: at least one, and never all;
    none if `held_out` is 0.

    Raises BadInput if all rows are one group.
    """
    kept, rejects = _clean(sources, params)
    places = sorted(range(len(kept)), key=lambda place: kept[place][1].id)
    drawn = min(params.rows or len(kept), len(kept))
    held = _held_out(kept, params, drawn, random_seed) if params.held_out else set[int]()
    rest = [place for place in places if place not in held]
    chosen = set(random.Random(f"{random_seed} rows").sample(rest, min(drawn, len(rest))))
    rejects += [
        Reject(kept[place][1].id, "not drawn", kept[place][0].place, "")
        for place in rest
        if place not in chosen
    ]
    return Split(
        [kept[place][1] for place in rest if place in chosen],
        [kept[place][1] for place in sorted(held)],
        rejects,
    )


def _clean(
    sources: Iterable[SourceRow], params: Seed
) -> tuple[list[tuple[SourceRow, Instruction]], list[Reject]]:
    kept: list[tuple[SourceRow, Instruction]] = []
    rejects: list[Reject] = []
    places: dict[str, str] = {}
    for number, source in enumerate(sources):
        row = _instruction(source, number, params.domain)
        # Nothing tells these rows apart but where they stood.
        own = row_id(SEED_ROUND, f"row {number}", row.content_id)
        if not row.instruction:
            rejects.append(Reject(own, "empty instruction", source.place, ""))
        elif row.id not in places:
            places[row.id] = source.place
            kept.append((source, row))
        elif params.deduplicate:
            rejects.append(Reject(own, "exact duplicate", f"{source.place} repeats {places[row.id]}", ""))
        else:
            kept.append((source, row._replace(id=own, seed_id=own)))
    return kept, rejects


def _instruction(source: SourceRow, place: int, domain: str | None) -> Instruction:
    instruction, given = source.instruction.strip(), source.input.strip()
    content = content_id(source.history, instruction, given)
    own = row_id(SEED_ROUND, "", content)
    return Instruction(
        id=own,
        content_id=content,
        seed_id=own,
        parent_id="",
        round=SEED_ROUND,
        domain=domain or source.domain or "chat",
        history=source.history,
        instruction=instruction,
        input=given,
        output=source.output.strip(),
        seed_place=place,
    )


def _held_out(kept: Sequence[tuple[SourceRow, Instruction]], params: Seed, drawn: int, seed: int) -> set[int]:
    """The places of the held-out rows."""
    grouped = _groups(kept, params.near_duplicate, seed)
    if len(grouped) == 1:
        raise BadInput(
            f"nothing can be held out: all {len(kept)} distinct rows are near-duplicates or turns of one "
            "conversation; bring other rows, raise seed.near_duplicate, or set seed.held_out to 0"
        )
    return _choose_groups(grouped, min(round(drawn * params.held_out), len(kept) - 1), seed)


def _groups(kept: Sequence[tuple[SourceRow, Instruction]], threshold: float, seed: int) -> list[list[int]]:
    """Places that must stay together: near-duplicates, and the turns of one conversation."""
    near = minhash.group_near_duplicates(
        [f"{row.instruction}\n{row.input}" for _, row in kept], threshold, seed
    )
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
    return [
        members[group]
        for group in sorted(members, key=lambda group: min(kept[place][1].id for place in members[group]))
    ]


def _root(links: dict[int, int], group: int) -> int:
    while links[group] != group:
        group = links[group]
    return group


def _choose_groups(grouped: list[list[int]], wanted: int, seed: int) -> set[int]:
    """Whole groups, in seeded order, that fit into what is wanted; if none does, the smallest."""
    order = list(grouped)
    random.Random(f"{seed} held out").shuffle(order)
    held: set[int] = set()
    for group in order:
        if len(held) + len(group) <= wanted:
            held.update(group)
    return held or set(min(order, key=len) if order else ())
