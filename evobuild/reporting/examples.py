"""Rows to look at in the report: lineages from the seed to the last round, and rows that were lost.

They are drawn from the random seed, spread over domains and reasons. Rows that share text with an evaluation
set are not shown, nor what descends from them: the report is published. Tables are read one at a time, and of
each only the rows that are shown are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice, zip_longest
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.draws import draw_lowest
from evobuild.core.errors import BadInput
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND, Instruction, iterate_instructions
from evobuild.core.params import Round
from evobuild.core.rejects import REJECTS
from evobuild.reporting import outcomes
from evobuild.reporting.outcomes import RowOutcome
from evobuild.reporting.params import ReportParams
from evobuild.text.word_differences import WordDifferences, compare_words

LOST = 8
"""Rejects shown."""
SPARE = 3
"""Rows drawn for each that is shown, as some share text with an evaluation set."""


class Stage(NamedTuple):
    """A row of a lineage and what became of it; words: its instruction against its parent's."""

    row: Instruction
    words: WordDifferences
    outcome: RowOutcome


class Lost(NamedTuple):
    """A row that a stage lost; instruction: what it was about."""

    stage: str
    reason: str
    detail: str
    reply: str
    domain: str
    instruction: str


def lineages(params: ReportParams, where: outcomes.Tables) -> list[list[Stage]]:
    """Draw `report.examples` rows of the last round, each with its ancestors, the seed row first.

    Raises BadInput if a table is missing or lacks a parent.
    """
    chain = _chain(params.rounds)
    paths = {name: where.rounds / f"{name}.parquet" for name in chain}
    last = tables.batches(paths[chain[-1]], INSTRUCTIONS, ["id", "domain"])
    picked = draw_ids(last, SPARE * params.report.examples, params.random_seed)
    rows: dict[str, Instruction] = {}
    wanted = picked
    for name in reversed(chain):
        found = _rows(paths[name], wanted)
        if lacking := [key for key in wanted if key not in found]:
            raise BadInput(
                f"{paths[name]}: no row '{lacking[0]}', which a row of a later round descends from"
            )
        rows |= found
        wanted = [found[key].parent_id for key in wanted]
    found_outcomes = outcomes.row_outcomes(rows, params, where)

    def stage(key: str) -> Stage:
        row, parent = rows[key], rows.get(rows[key].parent_id)
        words = compare_words(parent.instruction, row.instruction) if parent else [("equal", row.instruction)]
        return Stage(row, words, found_outcomes[key])

    lines = ([stage(key) for key in _ancestry(rows, key)] for key in picked)
    clean = (line for line in lines if not any(each.outcome.overlaps for each in line))
    return list(islice(clean, params.report.examples))


def _chain(rounds: Mapping[str, Round]) -> list[str]:
    """The longest line of rounds from r0; of equals the one named last."""
    chains = [[SEED_ROUND]]
    for name in rounds:
        chain = [name]
        while chain[0] != SEED_ROUND:
            chain.insert(0, rounds[chain[0]].parent)
        chains.append(chain)
    return max(reversed(chains), key=len)


def draw_ids(rows: Iterable[pl.DataFrame], number: int, seed: int) -> list[str]:
    """Draw ids, from one domain after the other as long as each has some. rows: domain and id, in batches."""
    by_domain: dict[str, list[str]] = {}
    for batch in rows:
        for domain, keys in batch.group_by("domain").agg("id").iter_rows():
            # The lowest of all are among the lowest of each batch.
            own = [*by_domain.get(domain, ()), *keys]
            by_domain[domain] = draw_lowest(own, number, seed, "report", by=str)
    drawn = [by_domain[domain] for domain in sorted(by_domain)]
    return list(islice((key for turn in zip_longest(*drawn) for key in turn if key is not None), number))


def _rows(path: Path, ids: Iterable[str]) -> dict[str, Instruction]:
    found = tables.read(path, INSTRUCTIONS, where=pl.col("id").is_in(list(ids)))
    return {row.id: row for row in iterate_instructions(found)}


def _ancestry(rows: Mapping[str, Instruction], key: str) -> list[str]:
    line = [key]
    while rows[line[0]].parent_id in rows:
        line.insert(0, rows[line[0]].parent_id)
    return line


def sample_rejects(params: ReportParams, where: outcomes.Tables) -> list[Lost]:
    """Take one row of each reason and kind of stage, in the order of the pipeline; at most LOST.

    Raises BadInput if a table is missing.
    """
    places = [("evolve", name, round_.parent) for name, round_ in params.rounds.items()]
    places += [(stage, pool, pool) for stage in ("respond", "rate") for pool in params.pools]
    may_show = ~pl.col("id").is_in(_find_contaminated_ids(params, where.contamination).implode())
    found: list[Lost] = []
    seen: set[tuple[str, str]] = set()
    for stage, name, origin in places:
        path = where.rejects / f"{stage}-{name}.parquet"
        reasons = tables.scan(path, REJECTS, ["id", "reason"]).filter(may_show).group_by("reason")
        lost = tables.collect(path, reasons.agg(pl.col("id").min()))
        table = tables.read(path, REJECTS, where=pl.col("id").is_in(lost["id"].implode())).sort("id")
        first = table.unique("reason", keep="first", maintain_order=True).iter_rows()
        fresh = [row for row in first if (stage, row[1]) not in seen][: LOST - len(found)]
        about = _rows(where.rounds / f"{origin}.parquet", [row[0] for row in fresh]) if fresh else {}
        for key, reason, detail, reply in fresh:
            seen.add((stage, reason))
            row = about.get(key)
            shown = (row.domain, row.instruction) if row else ("", "")
            found.append(Lost(f"{stage} {name}", reason, detail, reply, *shown))
    return found


def _find_contaminated_ids(params: ReportParams, contamination: Path) -> pl.Series:
    """The ids of rows that share text with an evaluation set."""
    found = [
        tables.read(contamination / f"{name}.parquet", CONTAMINATION, ["row"])["row"]
        for name in params.decontaminate.sets
    ]
    return pl.concat([pl.Series("row", [], pl.String), *found]).unique()
