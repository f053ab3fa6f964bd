"""Choose one of several sampled answers of a row: the first, the commonest, or one equal to a gold answer.

Final answers are extracted and compared, not texts: 1,000 equals 1000.0. A sample without a final answer
casts no vote, so it never wins and never agrees.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

import polars as pl

from evobuild.answering.params import Extract, Respond
from evobuild.answering.respond import Asking, Response, sample_responses
from evobuild.core.instructions import Instruction
from evobuild.core.params import meets_bound
from evobuild.core.rejects import Reject
from evobuild.models.client import Model
from evobuild.text import final_answers
from evobuild.text.choices import find_stated_choice

_BARE_FRACTION = re.compile(r"(\\[dt]?frac)(\d)(\d)")
r"""\frac12, which is \frac{1}{2}."""
LETTERS = "ABCDEFGHIJ"
"""The choices that a question may have."""
CANDIDATES = pl.Schema(
    {"id": pl.String(), "row": pl.String(), "number": pl.Int64(), "output": pl.String(),
     "final_answer": pl.String(), "failure": pl.String(), "chosen": pl.Boolean()}
)  # fmt: skip
"""Every sampled answer. id: "<row>/<number>". final_answer: null without one. failure: '' for an answer."""


def _read_number(text: str) -> Hashable | None:
    """Parse the number in the last box, after the last ####, or the last one."""
    readers = (
        final_answers.read_boxed_number,
        final_answers.read_hash_number,
        final_answers.read_last_number,
    )
    braced = _BARE_FRACTION.sub(r"\1{\2}{\3}", text)
    return next((found for read in readers if (found := read(braced)) is not None), None)


EXTRACTORS: dict[Extract, Callable[[str], Hashable | None]] = {
    "number": _read_number,
    "boxed": final_answers.find_last_boxed,
    "choice": lambda text: find_stated_choice(text, LETTERS),
}
"""What gives the final answer of a text, None if it has none."""


class Candidate(NamedTuple):
    """A row of CANDIDATES."""

    id: str
    row: str
    number: int
    output: str
    final_answer: str | None
    failure: str
    chosen: bool


class Chosen(NamedTuple):
    """What a row came to, and its candidates."""

    result: Instruction | Reject
    candidates: tuple[Candidate, ...]


def choose_answers(
    rows: Iterable[Instruction], model: Model, asking: Asking, params: Respond
) -> Iterator[Chosen]:
    """Sample `respond.samples` answers of each row and choose one; yield one result a row, in any order."""
    waiting: dict[str, list[Response]] = {}
    for response in sample_responses(rows, params.samples, model, asking):
        responses = waiting.setdefault(response.row.id, [])
        responses.append(response)
        if len(responses) == params.samples:
            del waiting[response.row.id]
            yield choose_answer(sorted(responses, key=lambda each: each.number), params, str(model.model))


def choose_answer(responses: Sequence[Response], params: Respond, responder: str) -> Chosen:
    """Choose among the responses to one row, in the order of their samples."""
    row = responses[0].row
    extract = EXTRACTORS[params.extract]
    finals = [None if each.failure else extract(each.answer) for each in responses]
    found = _find_chosen(responses, finals, params)
    candidates = tuple(
        Candidate(
            f"{row.id}/{each.number}", row.id, each.number, each.answer,
            None if final is None else str(final), each.failure, place == found,
        )
        for place, (each, final) in enumerate(zip(responses, finals, strict=True))
    )  # fmt: skip
    if isinstance(found, Reject):
        return Chosen(found, candidates)
    best = responses[found]
    answered = row._replace(output=best.answer, responder=responder, reasoning=best.reply.reasoning)
    return Chosen(answered, candidates)


def _find_chosen(
    responses: Sequence[Response], finals: Sequence[Hashable | None], params: Respond
) -> int | Reject:
    """Find the position of the chosen response, or why none is."""
    row = responses[0].row
    usable = [place for place, each in enumerate(responses) if not each.failure]
    if not usable:
        return responses[0].reject(row.id)
    if params.choose == "first":
        return usable[0]
    if params.choose == "gold":
        return _find_gold(row, finals, params)
    votes = Counter(final for final in finals if final is not None)
    if not votes:
        return Reject(row.id, "no final answer", "", responses[usable[0]].answer)
    (winner, most), *others = votes.most_common(2)
    shares = f"{most} of {len(finals)} samples"
    if others and others[0][1] == most:
        return Reject(row.id, "answers tied", f"{shares}: {winner}, and {others[0][0]}", "")
    if not meets_bound(params.agreement, most / len(finals)):
        return Reject(row.id, "answers disagree", f"{shares}: {winner}", "")
    return finals.index(winner)


def _find_gold(row: Instruction, finals: Sequence[Hashable | None], params: Respond) -> int | Reject:
    """Find the first response whose final answer is the gold one."""
    value = json.loads(row.extra).get(params.gold) if row.extra else None
    if value is None:
        return Reject(row.id, "no gold answer", params.gold, "")
    wanted = EXTRACTORS[params.extract](str(value))
    if wanted is None:
        # A gold choice or boxed answer may be given bare: "B", "x + 1".
        wanted = str(value).strip()
    if wanted in finals:
        return finals.index(wanted)
    known = ", ".join(dict.fromkeys(str(final) for final in finals if final is not None))
    return Reject(row.id, "no answer is the gold one", f"expected {wanted}, found {known or 'none'}", "")
