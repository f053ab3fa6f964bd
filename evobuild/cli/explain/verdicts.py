"""What verifiers said of a constraint and of answers, as text: a row's life in the AutoIF branch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from evobuild.cli.explain.lines import in_line, quoted, why
from evobuild.cli.explain.verification import Answer, Constraint, Function, Trial
from evobuild.core.instructions import Instruction
from evobuild.reporting.outcomes import Loss

MOST = 10
"""The best score of a judge."""


def of_row(row: Instruction, query: str, constraint: Constraint | None) -> Iterator[str]:
    """Tell how a row of the branch was made. query: where that is from."""
    yield in_line(f"  composed of {query} and a constraint")
    if constraint:
        yield from of_constraint(constraint)
    else:
        yield in_line(f"  constraint: {row.operation} is not here")
    yield from quoted("instruction, the constraint", row.instruction)
    yield from quoted("input, the query", row.input)


def of_answers(answers: Iterable[Answer]) -> Iterator[str]:
    """Tell how the answers to a row of the branch were checked and judged."""
    for answer in answers:
        yield from _answer(answer)


def of_constraint(constraint: Constraint) -> Iterator[str]:
    """Tell where a constraint came from, how its functions and cases fared, and where it was lost."""
    invented = f"invented by {constraint.model} in {constraint.origin}"
    yield from quoted(f"constraint {constraint.id}, {_origin(constraint, invented)}", constraint.text)
    for number, loss in constraint.failed:
        yield in_line(f"  verifier {number + 1} was lost: {why(loss.reason, loss.detail)}")
        yield from quoted("the reply", loss.reply) if loss.reply else ["  the reply was empty"]
    for function in constraint.functions:
        yield from _function(function)
    for trial in constraint.trials:
        yield from _trial(trial)
    for loss in constraint.losses:
        yield from lost(loss)


def lost(loss: Loss) -> Iterator[str]:
    """Tell where something was lost, and why."""
    yield in_line(f"  lost by {loss.stage}: {why(loss.reason, loss.detail)}")
    if loss.reply:
        yield from quoted("the reply", loss.reply)


def _origin(constraint: Constraint, invented: str) -> str:
    return "as the seed has it" if constraint.origin == "seed" else invented


def _function(function: Function) -> Iterator[str]:
    state = "judges no answer" if function.tried else "equal to an earlier one"
    name = f"function {function.place + 1}" if function.place is not None else state
    said = [f"verifier {function.number + 1}", name]
    if function.accuracy is not None:
        said.append(f"right on {function.accuracy:.0%} of the kept cases")
    if function.error:
        said.append(f"no verdict: {function.error}")
    yield from quoted(", ".join(said), function.code)
    if function.meaning:
        yield from quoted(f"what {name} checks, in words", function.meaning)


def _trial(trial: Trial) -> Iterator[str]:
    wanted = "keeps the constraint" if trial.expected else "breaks the constraint"
    agreed = "no function judged it"
    if trial.agreement is not None:
        agreed = f"{trial.agreement:.0%} of the functions agree"
    state = "kept" if trial.kept else "not kept"
    yield from quoted(f"case that {wanted}, {state}: {agreed}", trial.input)


def _answer(answer: Answer) -> Iterator[str]:
    name = f"answer {answer.number + 1}"
    if answer.loss:
        yield in_line(f"  {name} was lost: {why(answer.loss.reason, answer.loss.detail)}")
        yield from quoted("the reply", answer.loss.reply) if answer.loss.reply else ["  the reply was empty"]
        return
    yield from quoted(f"{name}{', which was taken' if answer.taken else ''}", answer.text)
    if answer.accuracy is not None:
        yield in_line(
            f"  the constraint is kept by {answer.accuracy:.0%} of the functions: {_said(answer.verdicts)}"
        )
    if answer.judged:
        yield "  quality: " + (
            "the judge gave no score" if answer.score is None else f"{answer.score:g} of {MOST}"
        )


def _said(verdicts: Sequence[str]) -> str:
    return ", ".join(f"function {place} {verdict}" for place, verdict in enumerate(verdicts, 1))
