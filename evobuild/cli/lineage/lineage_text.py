"""Format an exported row's lineage. Texts of rows are untrusted: each of their lines begins with a bar."""

from __future__ import annotations

from collections.abc import Iterator

from evobuild.cli.explain.explain import format_attempts, mark_changes
from evobuild.cli.explain.quoting import quote_text, to_one_line
from evobuild.cli.lineage.row_lineage import Answer, Line, Prompt, Step
from evobuild.core.instructions import AUTOIF, KEPT, Instruction


def format_lineage(line: Line, source: str, whole: bool) -> Iterator[str]:
    """Format a lineage from the seed row on.

    Args:
        source: of the seed rows.
        whole: include whole prompts, not only their hashes.
    """
    row = line.steps[-1].row
    yield to_one_line(f"{row.id}: {_format_headline(line)}; round {row.round}, domain {row.domain}")
    above: Instruction | None = None
    for step in line.steps:
        yield ""
        yield to_one_line(f"{step.row.round}  {step.row.id}")
        yield from _format_seed(step.row, source) if above is None else _format_step(step, above, whole)
        above = step.row
    for kind in ("functions", "cases"):
        for record in (line.verifiers or {}).get(kind, ()):
            yield from _format_verifier(kind, record)
    if line.answer:
        yield ""
        yield from _format_answer(line.answer, whole)


def _format_headline(line: Line) -> str:
    if line.answer is None:
        return "exported rows descend from it"
    return "in the data set" if line.answer.outcome.selected else "in the exports of its branch alone"


def _format_seed(row: Instruction, source: str) -> Iterator[str]:
    yield to_one_line(f"  row {row.seed_place} of {source}, from 0")
    for role, content in row.history:
        yield from quote_text(f"earlier, {role}", content)
    yield from quote_text("instruction", row.instruction)
    if row.input:
        yield from quote_text("input", row.input)
    if row.output:
        yield from quote_text("its answer there", row.output)


def _format_step(step: Step, above: Instruction, whole: bool) -> Iterator[str]:
    row = step.row
    if row.strategy == AUTOIF:
        author = row.evolver or "the seed constraints"
        yield to_one_line(
            f"  composed of the query {above.id} and a constraint, {row.operation}, by {author}"
        )
        yield from quote_text("the constraint", row.instruction)
        return
    if row.operation == KEPT:
        yield f"  kept as its parent {above.id} was, since no attempt gave a child"
    else:
        yield to_one_line(f"  by {row.operation}, {row.strategy}, with {row.evolver}, from {above.id}")
    if step.prompt:
        yield from _format_prompt(step.prompt, whole)
    yield from format_attempts(step.failed)
    if step.attempt is not None:
        if step.thoughts:
            yield from quote_text(f"thoughts of attempt {step.attempt + 1}", step.thoughts)
        yield from quote_text(f"reply of attempt {step.attempt + 1}", step.reply or "")
    yield from quote_text("instruction, [-gone-] and {+new+} against its parent", mark_changes(above, row))
    if row.input and row.input != above.input:
        yield from quote_text("input", row.input)


def _format_prompt(prompt: Prompt, whole: bool) -> Iterator[str]:
    named = f"the {prompt.role} was asked by {prompt.source}, md5 {prompt.md5}"
    if not prompt.text:
        yield to_one_line(f"  prompt: {prompt.source}")
    elif whole:
        yield from quote_text(named, prompt.text)
    else:
        yield to_one_line(f"  {named}")


def _format_verifier(kind: str, record: object) -> Iterator[str]:
    if not isinstance(record, dict):
        return
    if kind == "functions":
        yield from quote_text(
            f"a function, right on {record.get('accuracy')} of its cases", str(record.get("code"))
        )
    else:
        yield from quote_text(f"a case, expected {record.get('expected')}", str(record.get("input")))


def _format_answer(answer: Answer, whole: bool) -> Iterator[str]:
    outcome = answer.outcome
    yield to_one_line(f"answer, by {outcome.responder or 'the seed data'}")
    if answer.asked:
        yield from _format_prompt(answer.asked, whole)
    if outcome.reasoning:
        yield from quote_text("thoughts before it", outcome.reasoning)
    yield from quote_text("the answer", outcome.answer or "")
    for said, values in outcome.measured_lines():
        yield to_one_line(f"  {said}: {values}")
    for prompt in answer.rated:
        yield from _format_prompt(prompt, whole)
