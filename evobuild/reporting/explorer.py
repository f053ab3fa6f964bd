"""The explorer: a folder of pages to search all rows and to read their trees, opened as plain files.

index.html     the page, with its scripts beside it
rows.js        of every entry, by column, what it is filtered by: small, read first
texts/000.js   id, instruction, input, digest of the answer and tags of the entries of part 0: read in the
               background, to search in
trees/000.js   the rest of these entries: read when a tree is opened
calls/000.js   what models were asked about these entries, and their replies: read when one is unfolded

An entry is a row, or a failed attempt at one, which hangs below the row that it began with. Entries
are ordered tree by tree, and no tree is split between parts. A page opened as a file cannot use fetch, so
data are scripts that call `take`; they are JSON in ASCII without a `<`, and nothing of them is code.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from evobuild.core.instructions import SEED_ROUND
from evobuild.core.measures import all_metrics
from evobuild.core.metrics import DRY_RUN
from evobuild.models.roles import chat_models, evaluated_models
from evobuild.reporting import templates
from evobuild.reporting.calls import CallParams, CallReader, Pieces
from evobuild.reporting.entries import Entry, choose_roots, metrics_explored, tree_entries, tree_roots
from evobuild.reporting.operation_names import OperationNames, read_operation_names
from evobuild.reporting.outcomes import Tables
from evobuild.reporting.params import ReportParams
from evobuild.reporting.selected_rows import order_selected
from evobuild.scoring.params import measure_models
from evobuild.text.words import count_words

MOST = 100_000
"""Rows at most; of more whole trees are taken, those of selected rows first (`choose_roots`)."""

PART = 1_000
"""Entries of a part, and what its last tree has beyond."""

SCRIPTS = (
    "listing.js", "markdown.js", "run.js", "explorer_tree.js", "marks.js", "other_run.js", "explorer.js",
)  # fmt: skip
LENGTHS = {"words": "instruction", "answer_words": "answer"}
"""Columns of words, and what these are of."""


def write_explorer(folder: Path, params: CallParams, where: Tables, label: str = "") -> None:
    """Write the explorer of all rounds and branches into a new folder. label: DRY RUN, TOY, both or ''.

    Raises BadInput if a table is missing or not as it should be.
    """
    roots = tree_roots(params, where)
    shown = choose_roots(roots, where, most_trees(params))
    entries = list(tree_entries(params, where, shown))
    starts = _starts(entries)
    folder.mkdir()
    for name in SCRIPTS:
        (folder / name).write_text(templates.source(name), encoding="utf-8")
    asked = chat_models(params.models) | measure_models(params.measures)
    asked |= evaluated_models(params.evaluate.models)
    simulated = [role for role, model in asked.items() if model.simulated]
    rows = sum(entry.attempt is None for entry in entries)
    page = templates.render_page(
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
    operations = read_operation_names(params.evolve, where.optimization)
    index = _index(entries, starts, rounds, operations)
    index["columns"]["place"] = _places(entries, params, where)
    (folder / "rows.js").write_text(data_script("rows", 0, index), encoding="ascii")
    reader = CallReader(params, where, (entry.row.id for entry in entries if entry.row))
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


def _places(entries: Sequence[Entry], params: ReportParams, where: Tables) -> list[int | None]:
    """Of each selected row its place, 1 for the best; None of any other entry."""
    ordered = order_selected(list(params.select.by), where.dataset)
    places = dict(ordered.select("id", "place").iter_rows())
    return [places.get(entry.id) if entry.row else None for entry in entries]


def most_trees(params: ReportParams) -> int:
    """How many trees it has at most."""
    return max(1, MOST // (1 + len(params.rounds) + len(params.branches)))


def _starts(entries: Sequence[Entry]) -> list[int]:
    """The first entry of each part; a tree is never split."""
    roots = [number for number, entry in enumerate(entries) if entry.parent < 0]
    starts = [0]
    while (place := bisect_right(roots, starts[-1] + PART - 1)) < len(roots):
        starts.append(roots[place])
    return starts


def _index(
    entries: Sequence[Entry], starts: list[int], rounds: list[str], operations: OperationNames
) -> dict[str, Any]:
    """What entries are filtered by, column by column; words as numbers into lists of names.

    Of outcomes and of evaluation sets an entry may have several: its number is into a list of lists.
    """
    names: dict[str, list[str]] = {"round": rounds}
    columns: dict[str, list[Any]] = {"parent": [entry.parent for entry in entries]}
    sets: dict[str, list[list[int]]] = {}
    for name in ("round", "domain", "operation", "evolver", "responder"):
        values = [getattr(entry, name) for entry in entries]
        if name == "operation":
            values = list(map(operations.name, values))
        columns[name] = _numbers(values, names.setdefault(name, sorted(set(values))))
    for name, field in (("outcome", "outcomes"), ("shared", "shared")):
        found = [getattr(entry, field) for entry in entries]
        every, names[name] = sorted(set(found)), sorted(set(chain.from_iterable(found)))
        columns[name] = _numbers(found, every)
        sets[name] = [_numbers(each, names[name]) for each in every]
    labels = {name: all_metrics()[name].label or name for name in metrics_explored()}
    return {
        "starts": starts,
        "names": names,
        "sets": sets,
        "columns": columns | _collect_measurements(entries) | _lengths(entries),
        "metrics": labels,
        "lengths": LENGTHS,
    }


def _lengths(entries: Sequence[Entry]) -> dict[str, list[int | None]]:
    """Count the words of each entry's text and answer (None without one); mark failed attempts with 1."""
    answers = [entry.outcome.answer for entry in entries]
    return {
        "words": [count_words(entry.text) for entry in entries],
        "answer_words": [None if answer is None else count_words(answer) for answer in answers],
        "attempt": [int(entry.attempt is not None) for entry in entries],
    }


def _collect_measurements(entries: Sequence[Entry]) -> dict[str, list[float | None]]:
    """The values of each metric that any entry has."""
    found = {
        name: [short_number(entry.measures[place]) for entry in entries]
        for place, name in enumerate(metrics_explored())
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
