"""Verifiers: functions that say whether an answer keeps a constraint, each with cases, written by an evolver.

Every sample of every constraint gives one verifier or one reject. A reply has to hold a JSON object with
code that compiles and defines one function `evaluate`. A case needs a text and a boolean, in any spelling;
others are dropped and counted. A function without a case stays, as in the authors' code: it is tested on
the cases of the others. Cases without a function are lost with it. Nothing runs here. Source: Dong et al.
2024 (AutoIF), arXiv:2406.13542.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from evobuild.answering import failures
from evobuild.autoif import booleans
from evobuild.autoif.params import Verifiers
from evobuild.autoif.records import FUNCTION, Case
from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.prompts import render_prompt
from evobuild.core.rejects import Reject, count_reasons
from evobuild.models.client import Model
from evobuild.text import json_repairs

_CODE = ("func", "function", "code")
_INPUT = ("input", "response")
_OUTPUT = ("output", "expected", "expected_output")


class Verifier(NamedTuple):
    """A row of the table VERIFIERS."""

    id: str
    constraint_id: str
    number: int
    code: str
    cases: list[dict[str, object]]


class VerifierReply(NamedTuple):
    """The content of a reply. dropped: why each invalid case was dropped."""

    code: str
    cases: list[Case]
    dropped: list[str]


class VerifierResult(NamedTuple):
    """The result of one reply: a verifier or a reject, and why cases were dropped."""

    made: Verifier | Reject
    dropped: list[str]


class UnreadableVerifier(Exception):
    """A reply holds no verifier; the message is the reason."""


def request_verifiers(
    constraints: Mapping[str, str], model: Model, params: Verifiers, seed: int
) -> Iterator[VerifierResult]:
    """Have `count` verifiers written for each constraint, in any order.

    constraints: text by id. A sample has a seed of its own, so that more of them ask only for the new ones.
    """

    def requests() -> Iterator[Request]:
        for identity, text in constraints.items():
            message = Message("user", render_prompt("autoif/verifier.jinja", constraint=text))
            for number in range(params.count):
                sampling = Sampling(params.temperature, params.top_p, params.max_tokens, seed=seed + number)
                yield Request(f"{identity}-{number}", "verifier", (message,), sampling)

    for reply in model.generate(requests()):
        yield _build_result(reply)


def _build_result(reply: Reply) -> VerifierResult:
    if reason := failures.find_reply_failure(reply):
        return VerifierResult(Reject(reply.key, reason, "", reply.error or reply.kept), [])
    try:
        found = read_verifier_reply(reply.text)
    except UnreadableVerifier as error:
        return VerifierResult(Reject(reply.key, str(error), "", reply.text), [])
    constraint_id, _, number = reply.key.rpartition("-")
    cases = [case._asdict() for case in found.cases]
    return VerifierResult(Verifier(reply.key, constraint_id, int(number), found.code, cases), found.dropped)


def read_verifier_reply(text: str) -> VerifierReply:
    """Read the function and the cases of a reply: of the first JSON object in it that has code.

    Raises UnreadableVerifier: unparsed, no function, too long, syntax (it does not compile), several
    functions.
    """
    # Of an object that cannot be read there may be cases left.
    found = [
        each
        for each in json_repairs.find_json_objects(text)
        if _find_value(each, (*_CODE, "cases")) is not None
    ]
    if not found:
        raise UnreadableVerifier("unparsed")
    for each in found:
        written = _find_value(each, _CODE)
        if isinstance(written, str) and written.strip():
            code, escaped_twice = _extract_function(written)
            return _build_reply(code, _find_value(each, ("cases",)), escaped_twice)
    raise UnreadableVerifier("no function")


def _extract_function(written: str) -> tuple[str, bool]:
    """Return the code as it compiles, and whether one level of escapes was removed."""
    if len(written) > json_repairs.LONGEST_CODE:
        raise UnreadableVerifier("too long")
    found = json_repairs.find_compiling_code(written)
    if found is None:
        raise UnreadableVerifier("syntax")
    code, tree = found
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == FUNCTION]
    if len(functions) != 1:
        raise UnreadableVerifier("several functions" if functions else "no function")
    return code.strip("\r\n"), "\n" in code.strip() and "\n" not in written.strip()


def _build_reply(code: str, cases: object, escaped_twice: bool) -> VerifierReply:
    read: list[Case] = []
    dropped: list[str] = []
    for each in cases if isinstance(cases, list) else []:
        case = _parse_case(each)
        if isinstance(case, str):
            dropped.append(case)
        else:
            read.append(
                case._replace(input=json_repairs.unescape_once(case.input)) if escaped_twice else case
            )
    return VerifierReply(code, read, dropped)


def _parse_case(found: object) -> Case | str:
    """Parse a case, or return why it is invalid."""
    if not isinstance(found, dict):
        return "no case"
    answer, expected = _find_value(found, _INPUT), booleans.read_boolean(_find_value(found, _OUTPUT))
    if not isinstance(answer, str) or not _is_text(answer):
        return "no text as input"
    return "no boolean as output" if expected is None else Case(answer, expected)


def _find_value(found: Mapping[str, object], names: Iterable[str]) -> object:
    """Return the value of the first of some names, in any case."""
    folded = {key.casefold(): value for key, value in found.items()}
    return next((folded[name] for name in names if name in folded), None)


def _is_text(value: str) -> bool:
    """Return whether a string can be stored: half a surrogate pair, which JSON can escape, cannot."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def verifier_metrics(results: Iterable[VerifierResult]) -> dict[str, Any]:
    """Count cases: {"cases": 30, "dropped_cases": {"no boolean as output": 2}, "without_cases": 1}.

    without_cases: verifiers that have none left.
    """
    cases: Counter[int] = Counter()
    dropped: list[str] = []
    for made, lost in results:
        if isinstance(made, Verifier):
            cases[len(made.cases)] += 1
        dropped += lost
    return {
        "cases": sum(number * times for number, times in cases.items()),
        "dropped_cases": count_reasons(dropped),
        "without_cases": cases[0],
    }
