"""Back-translations: what a function checks, in the words of a model that sees the code alone.

The best functions of each constraint are asked for; entailment compares what they check with what the
constraint demands. A reply of more than one line is a reject: it is no constraint, or more than one.
Source: AutoIF, arXiv:2406.13542, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from evobuild.answering import failures
from evobuild.autoif.records import BackTranslation
from evobuild.autoif.verified import Verified
from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.instructions import row_id
from evobuild.core.prompts import render_prompt
from evobuild.core.rejects import Reject
from evobuild.models.client import Model

_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("**", "**"), ("`", "`"))


class FunctionToTranslate(NamedTuple):
    """A function to say in words. number: its place among those of its constraint, from 0."""

    constraint_id: str
    number: int
    code: str


def functions_to_translate(constraints: Iterable[Verified], functions: int) -> dict[str, FunctionToTranslate]:
    """Return up to `functions` of the best functions of each constraint, by id."""
    return {
        row_id("backtranslation", each.id, str(number)): FunctionToTranslate(each.id, number, function.code)
        for each in constraints
        for number, function in enumerate(each.functions[:functions])
    }


def backtranslate_functions(
    functions: Mapping[str, FunctionToTranslate], model: Model, sampling: Sampling
) -> Iterator[BackTranslation | Reject]:
    """Describe each function in words; yield one back-translation or one reject each, in any order."""
    requests = (
        Request(
            key,
            "backtranslate",
            (Message("user", render_prompt("autoif/backtranslate.jinja", code=function.code)),),
            sampling,
        )
        for key, function in functions.items()
    )
    for reply in model.generate(requests):
        function = functions[reply.key]
        if reason := failures.find_reply_failure(reply):
            yield Reject(reply.key, reason, reply.error or "", reply.kept)
        elif (text := read_backtranslation(reply.text)) is None:
            yield Reject(reply.key, "not one line", "", reply.text)
        else:
            yield BackTranslation(reply.key, function.constraint_id, function.number, text)


def read_backtranslation(text: str) -> str | None:
    """Read the sentence of a reply: its only line, without quotes around it, or the only one below "…:".

    Instances: '"Use no comma."' -> "Use no comma."; "Here it is:\\n\\nUse no comma." -> the same.
    """
    lead, _, rest = text.strip().partition("\n\n")
    if rest and lead.endswith(":") and "\n" not in lead:
        text = rest
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (_strip_quotes(lines[0]) or None) if len(lines) == 1 else None


def _strip_quotes(line: str) -> str:
    for first, last in _QUOTES:
        inside = line[len(first) : -len(last)]
        if line.startswith(first) and line.endswith(last) and first not in inside and last not in inside:
            return inside.strip()
    return line
