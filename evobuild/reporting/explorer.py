"""The explorer: a folder of pages to search all rows and to read their trees, opened as plain files.

index.html     the page, with its scripts beside it
rows.js        of every entry, by column, what it is filtered by: small, read first
texts/000.js   id, instruction, input, digest of the answer and tags of the entries of part 0: read in the
               background, to search in
trees/000.js   the rest of these entries: read when a tree is opened
calls/000.js   what models were asked about these entries, and their replies: read when one is unfolded

An entry is a row, or a failed attempt at one, which hangs below the row that it began with. Entries
stand tree by tree, each tree whole within one part. A page that is opened as a file cannot fetch, so
data are scripts that call `take`; they are JSON in ASCII without a `<`, and nothing of them is code.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.measures import METRICS
from evobuild.core.metrics import DRY_RUN
from evobuild.core.tables import FAILURES, INSTRUCTIONS, SEED_ROUND, Instruction, Turn
from evobuild.models.roles import chat_models, evaluated_models
from evobuild.reporting import templates
from evobuild.reporting.calls import CallParams, CallReader, Pieces
from evobuild.reporting.outcomes import Loss, RowOutcome, Tables, row_outcomes
from evobuild.reporting.params import ReportParams
from evobuild.text.words import count_words

MOST = 100_000
"""Rows at most; of more the first whole trees are taken. Ids are hashes, so these are as good as drawn."""

PART = 1_000
"""Entries of a part, and what its last tree has beyond."""

SCRIPTS = (
    "listing.js", "markdown.js", "run.js", "explorer_tree.js", "marks.js", "other_run.js", "explorer.js",
)  # fmt: skip
LENGTHS = {"words": "instruction", "answer_words": "answer"}
"""Columns of words, and what these are of."""
METRICS_EXPLORED = tuple(name for name, metric in METRICS.items() if metric.explored)
"""What can be filtered and ordered by, as long as any entry has it."""


class Entry(NamedTuple):
    """A row or a failed attempt.

    row: None of an attempt. parent: number of the entry that it hangs below, -1 for a root. attempt: which
    failed attempt it is, from 0; None for a row. measures: in the order of METRICS_EXPLORED, None where not
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


def write_explorer(folder: Path, params: CallParams, where: Tables, label: str = "") -> None:
    """Write the explorer of all rounds and branches into a new folder. label: DRY RUN, TOY, both or ''.

    Raises BadInput if a table is missing or not as it should be.
    """
    roots = _roots(params, where)
    shown = roots.head(max(1, MOST // (1 + len(params.rounds) + len(params.branches))))
    entries = list(_entries(params, where, shown))
    starts = _starts(entries)
    folder.mkdir()
    for name in SCRIPTS:
        (folder / name).write_text(templates.source(name), encoding="utf-8")
    asked = chat_models(params.models) | evaluated_models(params.evaluate.models)
    simulated = [role for role, model in asked.items() if model.simulated]
    rows = sum(entry.attempt is None for entry in entries)
    page = templates.render(
        "explorer.html.jinja",
        simulated=simulated,
        label=label or (DRY_RUN if simulated else ""),
        rows=rows,
        trees=len(shown),
        all_trees=len(roots),
        evaluated=bool(params.evaluate.models),
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    rounds = [SEED_ROUND, *params.rounds, *params.branches]
    (folder / "rows.js").write_text(data_script("rows", 0, _index(entries, starts, rounds)), encoding="ascii")
    reader = CallReader(params, where)
    for kind in ("texts", "trees", "calls"):
        (folder / kind).mkdir()
    for part, (start, end) in enumerate(zip(starts, [*starts[1:], len(entries)], strict=True)):
        own = entries[start:end]
        content = {
            "texts": [_text(entry) for entry in own],
            "trees": [_rest(entry) for entry in own],
            "calls": _calls(own, start, reader),
        }
        for kind, of_kind in content.items():
            script = data_script(kind, part, of_kind)
            (folder / kind / f"{part:03d}.js").write_text(script, encoding="ascii")


def _roots(params: ReportParams, where: Tables) -> pl.Series:
    """The rows that descend from no other, by id: seed rows, and those of branches with queries of a file."""
    found = (
        tables.read(where.rounds / f"{name}.parquet", INSTRUCTIONS).filter(parent_id="")["id"]
        for name in [SEED_ROUND, *params.branches]
    )
    return pl.concat(found).sort()


def _entries(params: ReportParams, where: Tables, roots: pl.Series) -> Iterator[Entry]:
    """All entries of some trees: below each row its failed attempts and its children, round by round."""
    rows: dict[str, Instruction] = {}
    below: defaultdict[str, list[Instruction | dict[str, Any]]] = defaultdict(list)
    for name in [SEED_ROUND, *params.rounds, *params.branches]:
        if name in params.rounds:
            columns = [column for column in FAILURES if column != "top_probability"]
            path = where.failures / f"{name}.parquet"
            failed = tables.read(path, FAILURES, columns).sort("row", "attempt", "id")
            for failure in failed.to_dicts():
                below[failure["row"]].append(failure | {"round": name})
        table = tables.read(where.rounds / f"{name}.parquet", INSTRUCTIONS)
        for row in tables.instructions(table.filter(pl.col("seed_id").is_in(roots)).sort("id")):
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
    measures = tuple(outcome.measured.get(METRICS[name].column) for name in METRICS_EXPLORED)
    return Entry(
        row.id, row, parent, row.round, row.domain, row.operation, outcome.labels, measures,
        row.instruction, row.input, None, row.history, row.evolver, outcome,
    )  # fmt: skip


def _attempt(failure: dict[str, Any], parent: int, evolver: str) -> Entry:
    loss = Loss("evolve", failure["reason"], failure["detail"], "")
    outcome = RowOutcome(None, "", {}, None, False, (loss,))
    # The table's id tells no rounds apart that have the same parent.
    key = f"{failure['row']}-{failure['round']}-{failure['attempt']}"
    return Entry(
        key, None, parent, failure["round"], failure["domain"], failure["operation"], outcome.labels,
        (None,) * len(METRICS_EXPLORED), failure["reply"], "", failure["attempt"], (), evolver, outcome,
    )  # fmt: skip


def _starts(entries: Sequence[Entry]) -> list[int]:
    """The first entry of each part; a tree is never split."""
    roots = [number for number, entry in enumerate(entries) if entry.parent < 0]
    starts = [0]
    while (place := bisect_right(roots, starts[-1] + PART - 1)) < len(roots):
        starts.append(roots[place])
    return starts


def _index(entries: Sequence[Entry], starts: list[int], rounds: list[str]) -> dict[str, Any]:
    """What entries are filtered by, column by column; words as numbers into lists of names.

    Of outcomes and of evaluation sets an entry may have several: its number is into a list of lists.
    """
    names: dict[str, list[str]] = {"round": rounds}
    columns: dict[str, list[Any]] = {"parent": [entry.parent for entry in entries]}
    sets: dict[str, list[list[int]]] = {}
    for name in ("round", "domain", "operation", "evolver", "responder"):
        values = [getattr(entry, name) for entry in entries]
        columns[name] = _numbers(values, names.setdefault(name, sorted(set(values))))
    for name, field in (("outcome", "outcomes"), ("shared", "shared")):
        found = [getattr(entry, field) for entry in entries]
        every, names[name] = sorted(set(found)), sorted(set(chain.from_iterable(found)))
        columns[name] = _numbers(found, every)
        sets[name] = [_numbers(each, names[name]) for each in every]
    labels = {name: METRICS[name].label or name for name in METRICS_EXPLORED}
    return {
        "starts": starts,
        "names": names,
        "sets": sets,
        "columns": columns | _measured_columns(entries) | _lengths(entries),
        "metrics": labels,
        "lengths": LENGTHS,
    }


def _lengths(entries: Sequence[Entry]) -> dict[str, list[int | None]]:
    """Words of each entry's text and of its answer, None if there is none; and 1 for each failed attempt."""
    answers = [entry.outcome.answer for entry in entries]
    return {
        "words": [count_words(entry.text) for entry in entries],
        "answer_words": [None if answer is None else count_words(answer) for answer in answers],
        "attempt": [int(entry.attempt is not None) for entry in entries],
    }


def _measured_columns(entries: Sequence[Entry]) -> dict[str, list[float | None]]:
    """The values of each metric that any entry has."""
    found = {
        name: [short_number(entry.measures[place]) for entry in entries]
        for place, name in enumerate(METRICS_EXPLORED)
    }
    return {name: values for name, values in found.items() if values.count(None) < len(values)}


def _numbers(values: Iterable[object], names: Sequence[object]) -> list[int]:
    places = {name: place for place, name in enumerate(names)}
    return [places[value] for value in values]


def short_number(value: float | None) -> float | None:
    """Five digits: more would only make the file larger."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")


def _text(entry: Entry) -> list[str]:
    answer = entry.outcome.answer
    # By its digest two runs are compared without reading the answers of all rows.
    digest = "" if answer is None else hashlib.blake2b(answer.encode(), digest_size=5).hexdigest()
    return [entry.id, entry.text, entry.input, digest, *(entry.outcome.measured.get("tags") or ())]


def _rest(entry: Entry) -> list[Any]:
    outcome = entry.outcome
    return [
        entry.attempt, entry.history, entry.evolver, outcome.measured.get("level") or "", outcome.answer,
        outcome.responder, outcome.losses, outcome.measured.get("neighbour"), outcome.overlaps or (),
    ]  # fmt: skip


def _calls(entries: Sequence[Entry], start: int, reader: CallReader) -> tuple[list[str], list[Any]]:
    """The calls of a part's entries, and the pieces of text that they are made of. start: the first's number.

    Known are, in this order, instruction and input of the parent, then of the entry, and its answer.
    """
    pieces, found = Pieces(), []
    for entry in entries:
        above = entries[entry.parent - start] if entry.parent >= 0 else None
        parent = above.row if above else None
        if entry.row:
            calls = list(reader.of_row(entry.row, parent, entry.outcome))
        else:
            calls = list(reader.of_attempt(entry.operation, parent)) if parent else []
        before = (above.text, above.input) if above else ("", "")
        known = (*before, entry.text, entry.input, entry.outcome.answer or "")
        found.append(
            [[None if text is None else pieces.numbers(text, known) for text in call] for call in calls]
        )
    return list(pieces.pieces), found


def data_script(kind: str, part: int, content: object) -> str:
    """Data as a script that calls `take`: JSON in ASCII without a `<`."""
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return f'take("{kind}", {part}, {text});\n'.replace("<", "\\u003c")
