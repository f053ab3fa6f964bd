"""Source rows as rows of r0: normalised, without those that have no instruction or repeat another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from evobuild.core.names import LONGEST, safe_name
from evobuild.core.tables import SEED_ROUND, Instruction, Reject, content_id, row_id
from evobuild.core.terminal import log
from evobuild.seeds.extra import extra_text
from evobuild.seeds.formats import SourceRow

NOTHING: Mapping[int, tuple[str, str]] = MappingProxyType({})


def clean_source_rows(
    sources: Iterable[SourceRow],
    domain: str | None = None,
    deduplicate: bool = True,
    unfit: Mapping[int, tuple[str, str]] = NOTHING,
) -> tuple[list[tuple[SourceRow, Instruction]], list[Reject]]:
    """Give each source row as a row of r0, without blank space around its texts, or as a reject.

    domain: of all rows; None: their own, as a safe name, or chat. deduplicate: lose a row that is equal to an
    earlier one, else it stays, with an id of its own, by how many there are before it. unfit: reason and
    detail of rows that are lost anyhow, by their places.
    """
    kept: list[tuple[SourceRow, Instruction]] = []
    rejects: list[Reject] = []
    places: dict[str, str] = {}
    renamed: dict[str, str] = {}
    copies: Counter[str] = Counter()
    for number, source in enumerate(sources):
        row = _instruction(source, number, domain)
        # Nothing tells equal rows apart but their order; what stands between them does not count.
        own = row_id(SEED_ROUND, f"copy {copies[row.id]}", row.content_id)
        copies[row.id] += 1
        if domain is None and source.domain and source.domain != row.domain:
            renamed[source.domain] = row.domain
        if not row.instruction:
            rejects.append(Reject(own, "empty instruction", source.place, ""))
        elif number in unfit:
            rejects.append(Reject(own, *unfit[number], ""))
        elif row.id not in places:
            places[row.id] = source.place
            kept.append((source, row))
        elif deduplicate:
            rejects.append(Reject(own, "exact duplicate", f"{source.place} repeats {places[row.id]}", ""))
        else:
            kept.append((source, row._replace(id=own, seed_id=own)))
    if renamed:
        shown = ", ".join(f"{old[:LONGEST]!r} is {new!r}" for old, new in list(renamed.items())[:3])
        log(f"{len(renamed)} domains are no names of letters and digits and are called otherwise: {shown}")
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
        domain=domain or safe_name(source.domain or "") or "chat",
        history=source.history,
        instruction=instruction,
        input=given,
        output=source.output.strip(),
        seed_place=place,
        extra=extra_text(source.extra, source.place),
    )
