"""How the simulated evolver reads a method: its steps, its labels, and the clauses that prevent failures."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from evobuild.simulation.constants import CLAUSE_FACTORS, KINDS, METHOD_WORDS, OVERLENGTH_RATES, TRAITS

FINAL_LABEL = re.compile(r"#\s*Final(?:ly)? Rewritten (?:Instruction|Prompt)\s*#", re.IGNORECASE)

_STEP_LABEL = re.compile(r"^\W*Step\s*(\d+)\W*?(#[^#\n]{2,60}#)", re.IGNORECASE | re.MULTILINE)
_STEP = re.compile(r"\bStep\s*(\d+)\b", re.IGNORECASE)

_NOT = r"(?:do not|don't|never|must not|may not|should not|cannot|without|none of them may)"
_GIVEN = "fact|number|detail|code|data|input|info"
_CLAUSES = {
    "keep": rf"\b(?:keep|retain|preserve|carry over)\b[^.]{{0,60}}\b(?:given|{_GIVEN})"
    rf"|{_NOT}\s+(?:drop|lose|losing|remove|omit|leave out)\w*\b[^.]{{0,60}}\b(?:{_GIVEN})",
    "self_contained": r"self[- ]contained|stands? (?:alone|on its own)"
    r"|understood without|without (?:seeing|needing|reading) any(?:thing)?"
    r"|(?:never|not) (?:refer|point)\w* to (?:\w+ ){0,5}(?:missing|absent|not (?:there|given|included))",
    "format": r"\bstrictly\b[^.]{0,40}\bformat|\bexact(?:ly)?\b[^.]{0,40}\b(?:format|labels?)"
    r"|\b(?:reply|answer|respond) (?:with )?only\b",
    "harder": r"\bmore (?:complex|difficult|demanding|challenging)\b|\bharder\b"
    r"|\bmore\b[^.]{0,20}\bcomplexity|\breally (?:change|differ)",
    "language": r"\b(?:(?:keep|stay|remain|change|switch|leave)\w*|in|same)\b[^.]{0,30}\blanguage\b",
    "brief": r"\b\d+ (?:to|-|–) \d+ words\b|\b(?:only|at most|no more than)\b[^.]{0,30}\bwords?\b"
    r"|\bnot (?:much )?longer\b|\blength\b[^.]{0,30}\b(?:like|similar|same)\b",
    "no_answer": rf"{_NOT}\s+(?:try to )?(?:answer|solve|respond to|carry out)|rather than answer",
    "concrete": rf"\b(?:vague|meta|empty) (?:remark|statement|demand|phrase|request|wording|announcement)"
    rf"|{_NOT} be(?:ing)? vague|\bname\w* [^.]{{0,40}}\b(?:plainly|concretely)",
    "review": r"\breview\b|\b(?:check|inspect|read)\b[^.]{0,60}\b(?:again|once more|unreasonable|final)",
}
_CLAUSE_PATTERNS = {name: re.compile(text, re.IGNORECASE | re.DOTALL) for name, text in _CLAUSES.items()}

_OPERATIONS = (
    ("complicate_input", re.compile(r"structured input|\bits input harder\b", re.IGNORECASE)),
    ("breadth", re.compile(r"brand[- ]?new|in[- ]?breadth|entirely new|\brarer\b", re.IGNORECASE)),
    ("reasoning", re.compile(r"\breasoning\b|multi-?step|several steps", re.IGNORECASE)),
    ("concretizing", re.compile(r"concreti[sz]|\bspecific", re.IGNORECASE)),
    ("deepening", re.compile(r"\bdeep|\bdepth\b", re.IGNORECASE)),
    ("constraints", re.compile(r"\bconstraint|\brequirement", re.IGNORECASE)),
)


class Method(NamedTuple):
    """A method as understood.

    steps: number and label of each step but the last, label None where the method names none.
    last: number of the step that gives the new instruction, None if the method has no steps.
    label: the last label, None for a prompt that asks for the bare instruction.
    operation: what a prompt without labels asks for, None for any.
    cumulated: per model, the cumulated failure rates in the order of KINDS.
    """

    steps: tuple[tuple[int, str | None], ...]
    last: int | None
    label: str | None
    operation: str | None
    clauses: frozenset[str]
    cumulated: dict[str, tuple[float, ...]]


@lru_cache(maxsize=256)
def read_method(text: str) -> Method:
    """Read the prompt text that stands before the parent instruction."""
    clauses = clauses_of(text)
    words = len(text.split())
    labels = FINAL_LABEL.findall(text)
    steps, last = _steps(text) if labels else ((), None)
    operation = None if labels else next((name for name, sign in _OPERATIONS if sign.search(text)), None)
    cumulated = {model: tuple(accumulate(failure_rates(model, clauses, words).values())) for model in TRAITS}
    return Method(steps, last, labels[-1] if labels else None, operation, clauses, cumulated)


def clauses_of(text: str) -> frozenset[str]:
    """Name the good clauses that stand in a method, keys of CLAUSE_FACTORS."""
    return frozenset(name for name, sign in _CLAUSE_PATTERNS.items() if sign.search(text))


def failure_rates(model: str, clauses: frozenset[str], words: int) -> dict[str, float]:
    """Rate of each kind of failure under a method with these clauses and this length in words."""
    rates = {kind: TRAITS[model].failures[kind] for kind in KINDS}
    for clause in sorted(clauses):
        for kind, factor in CLAUSE_FACTORS[clause].items():
            rates[kind] *= factor
    excess = max(0.0, words / METHOD_WORDS - 1.0)
    for kind, rate in OVERLENGTH_RATES.items():
        rates[kind] += min(rate * excess, 0.25)
    return rates


def _steps(text: str) -> tuple[tuple[tuple[int, str | None], ...], int | None]:
    numbers = sorted({int(number) for number in _STEP.findall(text)})[:20]
    if not numbers:
        return (), None
    labels = {int(number): label for number, label in _STEP_LABEL.findall(text)}
    return tuple((number, labels.get(number)) for number in numbers[:-1]), numbers[-1]
