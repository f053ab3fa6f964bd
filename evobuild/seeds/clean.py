"""Turn source rows into rows of r0: normalise texts, reject rows without instruction and duplicates.

Rows are spilled to disk. In memory remain only each row's id and the index of the row that it repeats: about
60 bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import polars as pl

from evobuild.core.escaping import LONGEST, safe_name
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND, Instruction, content_id, row_id
from evobuild.process.terminal import log
from evobuild.seeds.extra import extra_text
from evobuild.seeds.formats import SourceRow
from evobuild.seeds.spilled_rows import SpilledRows

CLEANED = pl.Schema(
    {**INSTRUCTIONS, "place": pl.String(), "conversation": pl.Int64()}
    | {"reason": pl.String(), "detail": pl.String()}
)
"""Rows of r0. place, conversation: those of their source rows. reason, detail: why one is lost, else null."""


class Unfit(NamedTuple):
    """Why a row is no seed."""

    reason: str
    detail: str


Sifted = tuple[SourceRow, Unfit | None]
"""A row, and why it is no seed, None if it may be one."""


@contextmanager
def clean_source_rows(
    sources: Iterable[Sifted], domain: str | None = None, deduplicate: bool = True
) -> Iterator[CleanedRows]:
    """Give each source row as a row of r0, without blank space around its texts; they go with the block.

    domain: of all rows; None: their own, as a safe name, or chat. deduplicate: lose a row that is equal to an
    earlier one, else it stays, with an id of its own, by how many there are before it.
    """
    renamed = _RenamedDomains()
    with SpilledRows(CLEANED) as rows:
        for number, (source, unfit) in enumerate(sources):
            row = _instruction(source, number, domain)
            if domain is None:
                renamed.take(source.domain or "", row.domain)
            if not row.instruction:
                unfit = Unfit("empty instruction", source.place)
            rows.append((*row, source.place, source.conversation, *(unfit or (None, None))))
        renamed.tell()
        yield CleanedRows(rows, deduplicate)


class CleanedRows:
    """Source rows as rows of r0, in their order, each kept or lost, with an id of its own.

    rows: of CLEANED, equal ones by equal ids.
    """

    def __init__(self, rows: SpilledRows, deduplicate: bool) -> None:
        self._rows = rows
        given = pl.concat(
            some.select("id", is_fit=pl.col("reason").is_null()) for some in rows.batches(["id", "reason"])
        )
        is_fit_N = given["is_fit"].to_numpy()
        before_N, first_N = _find_repeats(given)
        is_first_N = is_fit_N & (first_N == np.arange(given.height))
        self.is_kept_N = is_first_N if deduplicate else is_fit_N
        """Whether a row is kept."""
        self._repeated = self._places_repeated(np.where(is_fit_N & ~self.is_kept_N, first_N, -1))
        self.ids = pl.concat(self._own_ids(~is_first_N, before_N))
        """The ids of all rows."""

    def __len__(self) -> int:
        return len(self.ids)

    def batches(self) -> Iterator[pl.DataFrame]:
        """Go through all rows, as CLEANED."""
        is_repeat = pl.col("repeated").is_not_null()
        for own, rows in self._numbered(list(CLEANED)):
            yield rows.with_columns(
                id=self.ids[own], seed_id=self.ids[own], repeated=self._repeated[own]
            ).select(
                pl.exclude("reason", "detail", "repeated"),
                reason=pl.when(is_repeat).then(pl.lit("exact duplicate")).otherwise("reason"),
                detail=pl.when(is_repeat)
                .then(pl.format("{} repeats {}", "place", "repeated"))
                .otherwise("detail"),
            )

    def kept(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Go through some columns of the rows that are kept; no ids are among them."""
        for own, rows in self._numbered(columns):
            yield rows.filter(self.is_kept_N[own])

    def _numbered(self, columns: Sequence[str]) -> Iterator[tuple[slice, pl.DataFrame]]:
        """Yield batches of some columns as stored, with the rows' indices."""
        start = 0
        for rows in self._rows.batches(columns):
            yield slice(start, start + rows.height), rows
            start += rows.height

    def _places_repeated(self, repeated_N: np.ndarray) -> pl.Series:
        """The place in the source of the row that each row repeats, else null.

        repeated_N: the number of that row, or -1.
        """
        is_wanted_N = np.zeros(len(repeated_N), bool)
        is_wanted_N[repeated_N[repeated_N >= 0]] = True
        places = pl.concat(rows.filter(is_wanted_N[own]) for own, rows in self._numbered(["place"]))
        places = places.with_columns(row=np.flatnonzero(is_wanted_N))
        rows = pl.DataFrame({"row": repeated_N})
        return rows.join(places, on="row", how="left", maintain_order="left")["place"]

    def _own_ids(self, is_other_N: np.ndarray, before_N: np.ndarray) -> Iterator[pl.Series]:
        """The ids of all rows. is_other_N: whether a row is not to have the id of its content."""
        for own, rows in self._numbered(["id", "content_id"]):
            others = np.flatnonzero(is_other_N[own])
            # Equal rows differ only by their order among themselves, so rows in between do not matter.
            given = zip(before_N[own][others].tolist(), rows["content_id"].gather(others), strict=True)
            ids = [row_id(SEED_ROUND, f"copy {before}", content) for before, content in given]
            yield rows["id"].scatter(others, pl.Series(ids, dtype=pl.String))


def select_kept_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Those of CLEANED rows that are kept, as an instruction table."""
    return rows.filter(pl.col("reason").is_null()).select(INSTRUCTIONS.names())


def select_rejected_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Those of CLEANED rows that are lost, as rejects."""
    return rows.filter(pl.col("reason").is_not_null()).select("id", "reason", "detail", reply=pl.lit(""))


def _find_repeats(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Count the equal rows before each row; and of each that is fit number the first equal one that is.

    rows: id and is_fit.
    """
    ordered = rows.with_row_index("row").sort("id", "row")
    is_new, at = pl.col("id").ne_missing(pl.col("id").shift()), pl.int_range(pl.len())
    before = ordered.select("row", found=at - pl.when(is_new).then(at).forward_fill())
    first = ordered.filter("is_fit").select("row", found=pl.when(is_new).then("row").forward_fill())
    before_N, first_N = (np.zeros(rows.height, np.int64) for _ in range(2))
    for numbers_N, found in ((before_N, before), (first_N, first)):
        numbers_N[found["row"].to_numpy()] = found["found"].to_numpy()
    return before_N, first_N


class _RenamedDomains:
    """The domains of source rows that are no safe names. Of all but three only a hash is kept."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._shown: dict[str, str] = {}

    def take(self, own: str, domain: str) -> None:
        """Take note of a row's own domain, '' if it has none, and what it is called."""
        if own in ("", domain):
            return
        self._hashes.append(hash(own))
        if len(self._shown) < 3:
            self._shown[own] = domain

    def tell(self) -> None:
        """Say how many there are, and show some."""
        if count := len(np.unique(self._hashes)):
            shown = ", ".join(f"{old[:LONGEST]!r} is {new!r}" for old, new in self._shown.items())
            log(f"{count} domains are no names of letters and digits and are called otherwise: {shown}")


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
