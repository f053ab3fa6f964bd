"""Format the verification of a constraint and of answers in an AutoIF branch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from evobuild.cli.explain.quoting import join_reason, quote_text, to_one_line
from evobuild.cli.explain.verification import Answer, Constraint, Function, Trial
from evobuild.core.instructions import Instruction
from evobuild.reporting.outcomes import RejectRecord

MOST = 10
"""The highest score of a judge."""


def format_verification(row: Instruction, query: str, constraint: Constraint | None) -> Iterator[str]:
    """Format how a row of the branch was composed. query: its source."""
    yield to_one_line(f"  composed of {query} and a constraint")
    if constraint:
        yield from format_constraint(constraint)
    else:
        yield to_one_line(f"  constraint: {row.operation} is not here")
    yield from quote_text("instruction, the constraint", row.instruction)
    yield from quote_text("input, the query", row.input)


def format_checks(answers: Iterable[Answer]) -> Iterator[str]:
    """Format the checks and scores of the answers to a row."""
    for answer in answers:
        yield from _format_answer(answer)


def format_constraint(constraint: Constraint) -> Iterator[str]:
    """Format a constraint's origin, the results of its functions and cases, and where it was rejected."""
    invented = f"invented by {constraint.model} in {constraint.origin}"
    yield from quote_text(
        f"constraint {constraint.id}, {_format_origin(constraint, invented)}", constraint.text
    )
    for number, loss in constraint.failed:
        yield to_one_line(f"  verifier {number + 1} was lost: {join_reason(loss.reason, loss.detail)}")
        yield from quote_text("the reply", loss.reply) if loss.reply else ["  the reply was empty"]
    for function in constraint.functions:
        yield from _format_function(function)
    for trial in constraint.trials:
        yield from _format_trial(trial)
    for loss in constraint.losses:
        yield from format_reject(loss)


def format_reject(loss: RejectRecord) -> Iterator[str]:
    """Format a reject: its stage and reason, and the reply."""
    yield to_one_line(f"  lost by {loss.stage}: {join_reason(loss.reason, loss.detail)}")
    if loss.reply:
        yield from quote_text("the reply", loss.reply)


def _format_origin(constraint: Constraint, invented: str) -> str:
    return "as the seed has it" if constraint.origin == "seed" else invented


def _format_function(function: Function) -> Iterator[str]:
    state = "judges no answer" if function.tried else "equal to an earlier one"
    name = f"function {function.place + 1}" if function.place is not None else state
    said = [f"verifier {function.number + 1}", name]
    if function.accuracy is not None:
        said.append(f"right on {function.accuracy:.0%} of the kept cases")
    if function.error:
        said.append(f"no verdict: {function.error}")
    yield from quote_text(", ".join(said), function.code)
    if function.meaning:
        yield from quote_text(f"what {name} checks, in words", function.meaning)


def _format_trial(trial: Trial) -> Iterator[str]:
    wanted = "keeps the constraint" if trial.expected else "breaks the constraint"
    agreed = "no function judged it"
    if trial.agreement is not None:
        agreed = f"{trial.agreement:.0%} of the functions agree"
    state = "kept" if trial.kept else "not kept"
    yield from quote_text(f"case that {wanted}, {state}: {agreed}", trial.input)


def _format_answer(answer: Answer) -> Iterator[str]:
    name = f"answer {answer.number + 1}"
    if answer.loss:
        yield to_one_line(f"  {name} was lost: {join_reason(answer.loss.reason, answer.loss.detail)}")
        yield from (
            quote_text("the reply", answer.loss.reply) if answer.loss.reply else ["  the reply was empty"]
        )
        return
    yield from quote_text(f"{name}{', which was taken' if answer.taken else ''}", answer.text)
    if answer.accuracy is not None:
        verdicts = _format_verdicts(answer.verdicts)
        yield to_one_line(f"  the constraint is kept by {answer.accuracy:.0%} of the functions: {verdicts}")
    if answer.judged:
        yield "  quality: " + (
            "the judge gave no score" if answer.score is None else f"{answer.score:g} of {MOST}"
        )


def _format_verdicts(verdicts: Sequence[str]) -> str:
    return ", ".join(f"function {place} {verdict}" for place, verdict in enumerate(verdicts, 1))
