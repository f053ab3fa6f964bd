"""Compare the ranking metrics of selection, for `evobuild compare-selections`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.core.escaping import on_terminal
from evobuild.core.measures import declared_measures
from evobuild.core.params import load_params
from evobuild.reporting import outcomes
from evobuild.selection import selection_metrics
from evobuild.selection.candidate_rows import Sources
from evobuild.selection.params import ChoiceParams, Metric
from evobuild.selection.selection_metrics import Group, MetricComparison

WIDTH = 110
CLIP = 300
"""Characters of an instruction that are printed."""


def format_selection_comparison(path: Path, examples: int, between: Sequence[Metric]) -> str:
    """Compare the metrics on the rows that the last `select` ranked. Raises UserError as
    `compare_metrics`.
    """
    if examples < 0:
        raise UserError(f"--examples is {examples}; expected 0 or more")
    given = load_params(path, ChoiceParams)
    where = outcomes.Tables()
    with declared_measures(given.measures):
        found = selection_metrics.compare_selection_metrics(
            given,
            Sources(),
            dataset=where.dataset,
            rejects=where.rejects / "select.parquet",
            examples=selection_metrics.Examples(examples, between),
        )
    return "\n".join(_format_lines(found, examples)) + "\n"


def _format_lines(found: MetricComparison, examples: int) -> Iterator[str]:
    drawn = f"; {found.rows:,} of them are sampled" if found.rows < found.every else ""
    yield f"{found.every:,} rows were ranked{drawn}, {found.kept:,} were kept."
    if not found.metrics:
        yield "They have no measurements."
        return
    yield ""
    yield "Rows that both metrics would select, as a share of those that either would (Jaccard)"
    yield _format_row("", found.metrics)
    for one in found.metrics:
        yield _format_row(one, [f"{found.overlaps[one, other].jaccard:.3f}" for other in found.metrics])
    yield ""
    yield "Share of the rows selected by the line's metric that the column's metric would select as well"
    yield _format_row("", found.metrics)
    for one in found.metrics:
        yield _format_row(one, [f"{found.overlaps[one, other].share:.1%}" for other in found.metrics])
    yield ""
    yield "Rank correlation (Spearman) with the length of the instruction"
    yield _format_row("", ["tokens", "words"])
    for metric, bias in found.biases.items():
        yield _format_row(metric, [_format_correlation(bias.tokens), _format_correlation(bias.words)])
    for group in found.groups if examples else ():
        yield from _format_group(group)


def _format_row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<11}" + "".join(f"{cell:>11}" for cell in cells)


def _format_correlation(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}"


def _format_group(group: Group) -> Iterator[str]:
    yield ""
    yield group.title
    for each in group.examples:
        values = ", ".join(
            f"{name} {value:.4g} (no. {place:,})" for name, (value, place) in each.places.items()
        )
        said = on_terminal(" ".join(each.instruction[:CLIP].split()))
        yield textwrap.fill(
            f"{each.id}  {said}", WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False
        )
        yield textwrap.fill(values, WIDTH, initial_indent="    ", subsequent_indent="    ")
