"""Entries of the explorer: rows and failed attempts at rows, tree by tree, with what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.evolution_tables import FAILURES
from evobuild.core.instructions import INSTRUCTIONS, SEED_ROUND, Instruction, Turn, iterate_instructions
from evobuild.core.measures import all_metrics
from evobuild.reporting.outcomes import RejectRecord, RowOutcome, Tables, row_outcomes
from evobuild.reporting.params import ReportParams


def metrics_explored() -> tuple[str, ...]:
    """Name what can be filtered and ordered by, as long as any entry has it."""
    return tuple(name for name, metric in all_metrics().items() if metric.explored)


class Entry(NamedTuple):
    """A row or a failed attempt.

    row: None of an attempt. parent: number of the entry that it hangs below, -1 for a root. attempt: which
    failed attempt it is, from 0; None for a row. measures: in the order of metrics_explored(), None where not
    measured.
    """

    id: str
    row: Instruction | None
    parent: int
    round: str
    domain: str
    operation: str
    outcomes: tuple[str, ...]
    measures: tuple[float | None, ...]
    text: str
    input: str
    attempt: int | None
    history: tuple[Turn, ...]
    evolver: str
    outcome: RowOutcome

    @property
    def responder(self) -> str:
        """URI of the model that answered, '' if none did."""
        return self.outcome.responder

    @property
    def shared(self) -> tuple[str, ...]:
        """The evaluation sets that it shares text with, by measure: "gsm8k: 13-gram"."""
        return tuple(sorted({f"{each.set}: {each.measure}" for each in self.outcome.overlaps or ()}))


def tree_roots(params: ReportParams, where: Tables) -> pl.Series:
    """The rows that descend from no other, by id: seed rows, and those of branches with queries of a file."""
    found = (
        tables.read(where.rounds / f"{name}.parquet", INSTRUCTIONS, ["id"], where=pl.col("parent_id") == "")[
            "id"
        ]
        for name in [SEED_ROUND, *params.branches]
    )
    return pl.concat(found).sort()


def count_roots(params: ReportParams, where: Tables) -> int:
    """How many rows `tree_roots` gives."""
    paths = (where.rounds / f"{name}.parquet" for name in [SEED_ROUND, *params.branches])
    return sum(tables.height(path, INSTRUCTIONS, pl.col("parent_id") == "") for path in paths)


def choose_roots(roots: pl.Series, where: Tables, most: int) -> pl.Series:
    """Some of the roots, in their order: those that selected rows descend from, then others, by id.

    Ids are hashes, so the first are as good as drawn.
    """
    if roots.len() <= most:
        return roots
    selected = tables.read(where.dataset, INSTRUCTIONS, ["seed_id"])["seed_id"].unique()
    first = roots.filter(roots.is_in(selected.implode())).head(most)
    others = roots.filter(~roots.is_in(selected.implode())).head(most - first.len())
    return pl.concat([first, others]).sort()


def tree_entries(params: ReportParams, where: Tables, roots: pl.Series) -> Iterator[Entry]:
    """All entries of some trees: below each row its failed attempts and its children, round by round."""
    rows: dict[str, Instruction] = {}
    below: defaultdict[str, list[Instruction | dict[str, Any]]] = defaultdict(list)
    ours_by_seed = pl.col("seed_id").is_in(roots.implode())
    for name in [SEED_ROUND, *params.rounds, *params.branches]:
        if name in params.rounds:
            columns = [column for column in FAILURES if column != "top_probability"]
            path = where.failures / f"{name}.parquet"
            ours = pl.col("row").is_in(pl.Series(list(rows), dtype=pl.String).implode())
            failed = tables.read(path, FAILURES, columns, where=ours)
            for failure in failed.sort("row", "attempt", "id").to_dicts():
                below[failure["row"]].append(failure | {"round": name})
        table = tables.read(where.rounds / f"{name}.parquet", INSTRUCTIONS, where=ours_by_seed)
        for row in iterate_instructions(table.sort("id")):
            rows[row.id] = row
            below[row.parent_id].append(row)
    outcomes = row_outcomes(rows, params, where)
    number = 0
    for root in roots:
        stack: list[tuple[int, Instruction | dict[str, Any]]] = [(-1, rows[root])]
        while stack:
            parent, each = stack.pop()
            if isinstance(each, Instruction):
                yield _row(each, parent, outcomes[each.id])
                stack += [(number, child) for child in reversed(below[each.id])]
            else:
                yield _attempt(each, parent, str(params.models.evolver))
            number += 1


def _row(row: Instruction, parent: int, outcome: RowOutcome) -> Entry:
    measures = tuple(outcome.measured.get(all_metrics()[name].column) for name in metrics_explored())
    return Entry(
        row.id, row, parent, row.round, row.domain, row.operation, outcome.labels, measures,
        row.instruction, row.input, None, row.history, row.evolver, outcome,
    )  # fmt: skip


def _attempt(failure: dict[str, Any], parent: int, evolver: str) -> Entry:
    loss = RejectRecord("evolve", failure["reason"], failure["detail"], "")
    outcome = RowOutcome(None, "", {}, None, False, (loss,))
    # The table's id tells no rounds apart that have the same parent.
    key = f"{failure['row']}-{failure['round']}-{failure['attempt']}"
    return Entry(
        key, None, parent, failure["round"], failure["domain"], failure["operation"], outcome.labels,
        (None,) * len(metrics_explored()), failure["reply"], "", failure["attempt"], (), evolver, outcome,
    )  # fmt: skip
