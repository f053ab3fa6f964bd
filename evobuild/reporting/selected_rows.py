"""Selected rows, best first, and in words why each was selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, Instruction, iterate_instructions
from evobuild.core.measures import RANDOM, all_metrics
from evobuild.reporting.outcomes import Tables
from evobuild.reporting.params import ReportParams
from evobuild.selection.candidate_rows import dataset_schema
from evobuild.selection.ranks import is_highest
from evobuild.text.word_differences import WordDifferences, compare_words

SHOWN = 3
"""Rows on the first screen."""
PREDICTED = (
    (0.5, "the answer is much easier to predict with the instruction than without it"),
    (0.9, "the answer is easier to predict with the instruction than without it"),
    (1.0, "the answer is only a little easier to predict with the instruction than without it"),
    (float("inf"), "the answer is no easier to predict with the instruction than without it"),
)
"""What IFD, the loss of the answer after the instruction over its loss alone, says below each bound."""
REASONS = {
    "difficulty": "the judge rates its difficulty {difficulty:g} of 100",
    "reward": "the reward model gives it {reward:.3g}",
    "reward_scaled": "the reward model gives it {reward_scaled:.3g}, scaled by length",
    "diversity": "the nearest other instruction of its round is at distance {diversity:.2g}",
    "perplexity": "the instruction itself is easy to predict, at {loss_q:.3g} nats a token",
    "length": "the instruction has {question_tokens} tokens",
}
"""What a metric says of a row, by the columns of the dataset."""
MOST_TO_TEACH = " helps little to predict its answer: such rows have most to teach."
NOTES = {
    "ic_ifd": f"IC-IFD is high where an instruction is easy to read but{MOST_TO_TEACH}",
    "ifd": f"IFD is high where an instruction{MOST_TO_TEACH}",
    "ifd_ppl": f"IFD of perplexities is high where an instruction{MOST_TO_TEACH}",
}
"""Why rows are selected by a metric whose value does not say it."""
_OF_IFD = tuple(NOTES)


class SelectedRow(NamedTuple):
    """A selected row. words: its instruction against its parent's. place: 1 for the best. why: a sentence."""

    row: Instruction
    parent: Instruction | None
    words: WordDifferences
    place: int
    why: str


def order_selected(by: Sequence[str], dataset: Path) -> pl.DataFrame:
    """List the dataset, best first: id, domain, and place from 1. by: the metrics of `select.by`.

    Raises BadInput if the dataset is missing or not as it should be.
    """
    rows = tables.collect(dataset, tables.scan(dataset, dataset_schema(), ["id", "domain", "metric"]))
    best_high = len(by) > 1 or all(is_highest(metric) for metric in by)
    ordered = rows.sort("metric", "id", descending=[best_high, False], nulls_last=True)
    return ordered.select("id", "domain", place=pl.int_range(1, pl.len() + 1))


def read_best_rows(params: ReportParams, where: Tables) -> list[SelectedRow]:
    """Read the best rows of each domain in turn, SHOWN at most, with their parents.

    Raises BadInput if a table is missing or not as it should be.
    """
    ordered = order_selected(list(params.select.by), where.dataset)
    best = [ids[:SHOWN] for _, ids in ordered.group_by("domain", maintain_order=True).agg("id").iter_rows()]
    picked = list(islice((key for turn in zip_longest(*best) for key in turn if key is not None), SHOWN))
    chosen = pl.col("id").is_in(picked)
    found = tables.read(where.dataset, dataset_schema(), where=chosen)
    values = {each["id"]: each for each in found.to_dicts()}
    rows = {row.id: row for row in iterate_instructions(found.select(*INSTRUCTIONS))}
    places = dict(ordered.filter(chosen).select("id", "place").iter_rows())
    parents = _read_parents(params, where, [row.parent_id for row in rows.values() if row.parent_id])
    return [
        SelectedRow(
            rows[key],
            parent := parents.get(rows[key].parent_id),
            _words(parent, rows[key]),
            places[key],
            explain_selection(params.select.by, values[key], places[key], ordered.height),
        )
        for key in sorted(picked, key=places.__getitem__)
    ]


def _words(parent: Instruction | None, row: Instruction) -> WordDifferences:
    return compare_words(parent.instruction, row.instruction) if parent else [("equal", row.instruction)]


def _read_parents(params: ReportParams, where: Tables, ids: Sequence[str]) -> dict[str, Instruction]:
    found: dict[str, Instruction] = {}
    for name in dict.fromkeys(round_.parent for round_ in params.rounds.values()):
        table = tables.read(
            where.rounds / f"{name}.parquet", INSTRUCTIONS, where=pl.col("id").is_in(list(ids))
        )
        found |= {row.id: row for row in iterate_instructions(table)}
    return found


def explain_selection(by: Mapping[str, float], values: Mapping[str, Any], place: int, of: int) -> str:
    """Say why a row was selected. values: of its columns of the dataset; place: 1 for the best of `of` rows.

    Instance: "Number 1 of 53 by IC-IFD: the answer is much easier to predict with the instruction than
    without it".
    """
    if values["metric"] is None:
        return "Kept as a seed row, whatever its rank (select.keep_seeds)."
    if RANDOM in by:
        return "Drawn at random (select.by is random)."
    labels = " and ".join(all_metrics()[metric].label or metric for metric in by)
    said = dict.fromkeys(text for metric in by if (text := _reason(metric, values)))
    return f"Number {place:,} of {of:,} by {labels}{': ' if said else ''}{', and '.join(said)}."


def _reason(metric: str, values: Mapping[str, Any]) -> str:
    """Say what a metric says of a row; '' where it has no words or no value."""
    if metric == "tags" and values["tags"] is not None:
        return f"it asks for {len(values['tags'])} different things"
    if metric in _OF_IFD and values["ifd"] is not None:
        return next(text for bound, text in PREDICTED if values["ifd"] < bound)
    text = REASONS.get(metric, "")
    known = values.get(all_metrics()[metric].column) is not None
    return text.format(**values) if text and known else ""
