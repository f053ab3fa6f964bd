"""Back-translations: what a function checks, in the words of a model that sees the code alone.

The best functions of each constraint are asked for; entailment compares what they check with what the
constraint demands. A reply of more than one line is a reject: it is no constraint, or more than one.
Source: AutoIF, arXiv:2406.13542, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evobuild.answering import failures
from evobuild.autoif.records import BackTranslation
from evobuild.autoif.verified import Verified
from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.prompts import render
from evobuild.core.tables import Reject, row_id
from evobuild.models.client import Model

_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("**", "**"), ("`", "`"))


def asked(constraints: Iterable[Verified], functions: int) -> dict[str, tuple[str, int, str]]:
    """The functions to say in words, by an id of each: its constraint, its number and its code."""
    return {
        row_id("backtranslation", each.id, str(number)): (each.id, number, function.code)
        for each in constraints
        for number, function in enumerate(each.functions[:functions])
    }


def backtranslate(
    wanted: dict[str, tuple[str, int, str]], model: Model, sampling: Sampling
) -> Iterator[BackTranslation | Reject]:
    """Say each function in words; every one gives one back-translation or one reject, in any order."""
    requests = (
        Request(
            key,
            "backtranslate",
            (Message("user", render("autoif/backtranslate.jinja", code=code)),),
            sampling,
        )
        for key, (_, _, code) in wanted.items()
    )
    for reply in model.generate(requests):
        constraint, number, _ = wanted[reply.key]
        if reason := failures.reply_failure(reply):
            yield Reject(reply.key, reason, reply.error or "", reply.text)
        elif (text := read(reply.text)) is None:
            yield Reject(reply.key, "not one line", "", reply.text)
        else:
            yield BackTranslation(reply.key, constraint, number, text)


def read(text: str) -> str | None:
    """The sentence of a reply: its only line, without quotes around it, or the only one below "…:".

    Instances: '"Use no comma."' -> "Use no comma."; "Here it is:\\n\\nUse no comma." -> the same.
    """
    lead, _, rest = text.strip().partition("\n\n")
    if rest and lead.endswith(":") and "\n" not in lead:
        text = rest
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (_unquoted(lines[0]) or None) if len(lines) == 1 else None


def _unquoted(line: str) -> str:
    for first, last in _QUOTES:
        inside = line[len(first) : -len(last)]
        if line.startswith(first) and line.endswith(last) and first not in inside and last not in inside:
            return inside.strip()
    return line
