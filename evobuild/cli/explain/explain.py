"""Format the history of one row: its seed row, each round's prompt and reply, measurements, and the outcome.

Texts of rows are untrusted: each of their lines begins with a bar, and control characters are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from evobuild.answering.response_prompt import response_template
from evobuild.cli.explain import source_text, verification_text
from evobuild.cli.explain.explain_params import ExplainParams
from evobuild.cli.explain.quoting import join_reason, quote_text, to_one_line
from evobuild.cli.explain.row_history import (
    Attempt,
    Descendants,
    HistoryEntry,
    Origin,
    RowHistory,
    draw_row_id,
    read_history,
)
from evobuild.cli.explain.verification import Constraint
from evobuild.core.conversation import PLAIN, chat_messages
from evobuild.core.instructions import KEPT, Instruction
from evobuild.core.measures import declared_measures, measure_of
from evobuild.core.params import load_params
from evobuild.core.prompts import prompt_file, use_folder
from evobuild.reporting import outcomes
from evobuild.reporting.outcomes import RowOutcome
from evobuild.text.word_differences import compare_words

PARAMS = Path("params.yaml")
NEIGHBOUR = measure_of("diversity").said


def explain_row(beginning: str | None, seed: int | None = None) -> str:
    """Format the history of the row whose id has this prefix.

    Args:
        beginning: prefix of the row's id; None: a random row.
        seed: of the random row.

    Raises UserError if the prefix matches no id or several, or if a needed table is missing.
    """
    params = load_params(PARAMS, ExplainParams)
    key = draw_row_id(params, seed) if beginning is None else beginning
    with use_folder(Path(params.prompts)), declared_measures(params.measures):
        return "\n".join(_format_history(read_history(key, params), params)) + "\n"


def _format_history(life: RowHistory, params: ExplainParams) -> Iterator[str]:
    if life.lost:
        yield f"{life.id}: lost by the stage seed: {join_reason(life.lost.reason, life.lost.detail)}"
        return
    if life.constraint:
        yield from _format_constraint(life.constraint)
    else:
        yield from _format_row(life, params)
    if life.missing:
        yield ""
        yield f"Missing, so left out: {', '.join(map(str, life.missing))} (get pushed files with: dvc pull)"
    yield ""
    yield from source_text.format_sources(life, params)


def _format_constraint(constraint: Constraint) -> Iterator[str]:
    lost = [f"{loss.stage}: {loss.reason}" for loss in constraint.losses]
    yield to_one_line(", ".join([f"{constraint.id}: a constraint", *lost]))
    yield ""
    yield from verification_text.format_constraint(constraint)


def _format_row(life: RowHistory, params: ExplainParams) -> Iterator[str]:
    row = life.chapters[-1].row
    yield f"{row.id}: {_format_headline(life)}"
    yield to_one_line(f"round {row.round}, domain {row.domain}")
    above: Instruction | None = None
    for chapter in life.chapters:
        yield ""
        yield from _format_entry(chapter, above, params)
        above = chapter.row
    for sequel in life.sequels:
        yield ""
        yield from _format_descendants(sequel)


def _format_headline(life: RowHistory) -> str:
    outcome = life.chapters[-1].outcome
    if outcome is None:
        return "held out: nothing evolves, trains or optimizes on it"
    if outcome.selected:
        return ", ".join(outcome.labels)
    lost = [sequel.round for sequel in life.sequels if sequel.failed and not sequel.children]
    return to_one_line(", ".join([*outcome.labels, *(f"lost on the way to {name}" for name in lost)]))


def _format_entry(chapter: HistoryEntry, above: Instruction | None, params: ExplainParams) -> Iterator[str]:
    row, origin = chapter.row, chapter.origin
    yield to_one_line(f"{row.round}  {row.id}")
    if chapter.verification:
        query = above.id if above else f"a query of {params.autoif.compose.file}"
        yield from verification_text.format_verification(row, query, chapter.verification.constraint)
    elif above is None:
        yield from _format_seed_row(row, params)
    elif origin:
        yield from _format_origin(row, origin, above)
        yield from ["  input: the same"] if row.input == above.input != "" else _format_input(row)
    if row.round in params.branches or (chapter.outcome and chapter.outcome.responder):
        yield from _format_responder_prompt(row, params.respond.prompt)
    if chapter.verification:
        yield from verification_text.format_checks(chapter.verification.answers)
    if chapter.outcome:
        yield from _format_outcome(chapter.outcome, row.round, params)


def _format_seed_row(row: Instruction, params: ExplainParams) -> Iterator[str]:
    yield f"  a seed row of {to_one_line(params.seed.source)}"
    for role, content in row.history:
        yield from quote_text(f"earlier, {role}", content)
    yield from quote_text("instruction", row.instruction)
    yield from _format_input(row)
    if row.extra:
        yield from quote_text("other columns of the source", row.extra)


def _format_input(row: Instruction) -> Iterator[str]:
    if row.input:
        yield from quote_text("input", row.input)


def _format_responder_prompt(row: Instruction, prompt: str) -> Iterator[str]:
    """Format the responder's prompt, unless it is just the instruction and the input."""
    template = response_template(prompt)
    if template != PLAIN:
        asked = chat_messages(row, template)[-1].content
        yield from quote_text(f"the responder's prompt, rendered from {prompt_file(template)}", asked)


def _format_origin(row: Instruction, origin: Origin, above: Instruction) -> Iterator[str]:
    if row.operation == KEPT:
        yield f"  kept as its parent {above.id} was, since no attempt gave a child"
    else:
        yield to_one_line(f"  by {row.operation} with {row.evolver}, from {above.id}")
    if origin.prompt:
        yield from quote_text(f"prompt, rendered from {origin.source}", origin.prompt)
    else:
        yield f"  prompt: {to_one_line(origin.source)}"
    yield from format_attempts(origin.failed)
    if origin.number is None:
        return
    attempt = f"attempt {origin.number + 1}"
    if origin.reply is None:
        yield f"  reply of {attempt}: not here, neither in data/replies nor in the reply cache"
    else:
        if origin.reasoning:
            yield from quote_text(f"thoughts of {attempt}, before its reply", origin.reasoning)
        yield from quote_text(f"reply of {attempt}, from {origin.place}", origin.reply)
    yield f"  verdict on {attempt}: an evolution of its parent"
    yield from quote_text("instruction, [-gone-] and {+new+} against its parent", mark_changes(above, row))


def mark_changes(above: Instruction, row: Instruction) -> str:
    """Mark the words that a row's instruction lost and gained compared with its parent's."""
    marks = {"equal": ("", ""), "delete": ("[-", "-]"), "insert": ("{+", "+}")}
    parts = []
    for kind, text in compare_words(above.instruction, row.instruction):
        words = text.rstrip()
        parts.append(f"{marks[kind][0]}{words}{marks[kind][1]}{text[len(words) :]}" if words else text)
    return "".join(parts)


def format_attempts(failed: Sequence[Attempt]) -> Iterator[str]:
    """Format failed attempts, each with its reply."""
    for each in failed:
        yield to_one_line(f"  attempt {each.number + 1} failed: {join_reason(each.reason, each.detail)}")
        yield from quote_text("its reply", each.reply) if each.reply else ["  its reply was empty"]


def _format_outcome(outcome: RowOutcome, pool: str, params: ExplainParams) -> Iterator[str]:
    if outcome.answer is not None:
        by = f"answer by {outcome.responder}" if outcome.responder else "answer, as the seed has it"
        if outcome.reasoning:
            yield from quote_text(f"thoughts of {outcome.responder}, before its answer", outcome.reasoning)
        yield from quote_text(by, outcome.answer)
    yield from _format_measurements(outcome, pool, params)
    for loss in outcome.losses:
        verb = "not selected" if loss.stage == "select" else f"lost by {loss.stage}"
        yield to_one_line(f"  {verb}: {join_reason(loss.reason, loss.detail)}")
        if loss.reply:
            yield from quote_text("the reply", loss.reply)
    if outcome.selected:
        yield "  selected: it is in the data set"
    elif not outcome.losses:
        yield f"  {outcomes.NOT_UP}"


def _format_measurements(outcome: RowOutcome, pool: str, params: ExplainParams) -> Iterator[str]:
    """Format the row's measurements, and the text that it shares with evaluation sets."""
    for said, values in outcome.measured_lines():
        where = f" of {pool}, {params.diversity.distance} distance" if said == NEIGHBOUR else ""
        yield to_one_line(f"  {said}{where}: {values}")
    for overlap in outcome.overlaps or ():
        where = f"{overlap.place} of {overlap.set}"
        yield from quote_text(f"shared with {where}, by {overlap.measure}", overlap.shared)
    if outcome.overlaps == ():
        yield f"  shares nothing with {', '.join(params.decontaminate.sets)}"


def _format_descendants(sequel: Descendants) -> Iterator[str]:
    if sequel.children:
        yield f"In {sequel.round} it became {', '.join(sequel.children)}"
    elif sequel.failed:
        yield f"In {sequel.round} it was lost:"
        yield from format_attempts(sequel.failed)
    else:
        yield f"In {sequel.round} it has no child"
