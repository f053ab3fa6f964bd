"""How the simulated evolver reads a method: its steps, its labels, and the clauses that prevent failures."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from evobuild.simulation.rates import TRAITS, Rates, evolution_failure_rates

FINAL_LABEL = re.compile(r"#\s*Final(?:ly)? Rewritten (?:Instruction|Prompt)\s*#", re.IGNORECASE)
_STEP_LABEL = re.compile(r"^\W*Step\s*(\d{1,6})\W*?(#[^#\n]{2,60}#)", re.IGNORECASE | re.MULTILINE)
_STEP = re.compile(r"\bStep\s*(\d{1,6})\b", re.IGNORECASE)
_MOST_STEPS = 20
_NOT = "(?:do not|don't|never|must not|may not|should not|cannot|without)"
_GIVEN = "(?:given|fact|number|detail|code|data|input|info)"
_CLAUSES = {
    "keep": rf"\b(?:keep|retain|preserve)\b[^.]{{0,60}}\b{_GIVEN}|{_NOT} (?:drop|lose) [^.]{{0,50}}{_GIVEN}",
    "self_contained": r"self[- ]contained|stands? (?:alone|on its own)|(?:understood )?without seeing",
    "format": r"\bstrictly\b[^.]{0,40}\bformat|\bexactly\b[^.]{0,40}\blabels?|\breply (?:with )?only\b",
    "harder": r"\bmore (?:complex|difficult|demanding)\b|\bharder\b|\bmore\b[^.]{0,20}complexity",
    "language": r"\b(?:(?:keep|stay|change|leave)\w*|in|same)\b[^.]{0,30}\blanguage\b",
    "brief": r"\b\d+ (?:to|-|–) \d+ words\b|\b(?:only|at most|no more than)\b[^.]{0,30}\bwords?\b|\blength\b",
    "no_answer": rf"{_NOT}\s+(?:answer|solve|respond to|carry out)|rather than answer",
    "concrete": rf"\b(?:vague|empty) (?:remark|statement|demand)|{_NOT} be vague|\bname [^.]*\bplainly",
    "review": r"\breview\b|\b(?:check|inspect|read)\b[^.]{0,60}\b(?:again|once more|final)",
}
_SIGNS = {name: re.compile(text, re.IGNORECASE) for name, text in _CLAUSES.items()}
_OPERATIONS = {
    "complicate_input": re.compile(r"structured input|\bits input harder\b", re.IGNORECASE),
    "breadth": re.compile(r"brand[- ]?new|in[- ]?breadth|entirely new|\brarer\b", re.IGNORECASE),
    "reasoning": re.compile(r"\breasoning\b|multi-?step|several steps", re.IGNORECASE),
    "concretizing": re.compile(r"concreti[sz]|\bspecific", re.IGNORECASE),
    "deepening": re.compile(r"\bdeep|\bdepth\b", re.IGNORECASE),
    "constraints": re.compile(r"\bconstraint|\brequirement", re.IGNORECASE),
}


class Method(NamedTuple):
    """A method as understood.

    steps: number and label of each step but the last, label '' where the method names none.
    last: number of the step that gives the new instruction, 0 if the method has no steps.
    label: the last label, '' for a prompt that asks for the bare instruction.
    operation: what a prompt without labels asks for, '' for any. failures: rate of each kind by model.
    """

    steps: tuple[tuple[int, str], ...]
    last: int
    label: str
    operation: str
    failures: dict[str, Rates]


@lru_cache(maxsize=256)
def parse_method(text: str) -> Method:
    """Read the prompt text that stands before the parent instruction."""
    clauses, words = clauses_of(text), len(text.split())
    failures: dict[str, Rates] = {name: evolution_failure_rates(name, clauses, words) for name in TRAITS}
    if not (labels := FINAL_LABEL.findall(text)):
        operation = next((name for name, sign in _OPERATIONS.items() if sign.search(text)), "")
        return Method((), 0, "", operation, failures)
    numbers = sorted({int(number) for number in _STEP.findall(text)})[:_MOST_STEPS] or [0]
    named = {int(number): label for number, label in _STEP_LABEL.findall(text)}
    steps = tuple((number, named.get(number, "")) for number in numbers[:-1])
    return Method(steps, numbers[-1], labels[-1], "", failures)


def clauses_of(text: str) -> frozenset[str]:
    """Name the good clauses that stand in a method, keys of rates.CLAUSE_FACTORS."""
    return frozenset(name for name, sign in _SIGNS.items() if sign.search(text))
