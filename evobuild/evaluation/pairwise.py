"""Win, tie or lose: a judge sees the answers of two models side by side, in both orders.

It says A, B or C, a tie; or, asked by criteria, how assistant 1 compares with assistant 2. A model wins where
both orders say so; a tie, or orders that disagree, is a tie; where one of them cannot be read the outcome is
unknown, and no tie. How often the orders agree, the swap consistency, says how far the rates can be trusted.
Sources: Zheng et al. 2023, arXiv:2306.05685, section 3.4, and FastChat's llm_judge, whose reading of a
verdict this is; Hui et al. 2024, arXiv:2412.11231, Figure 20.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import polars as pl

from evobuild.core.chat import Reply
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import user
from evobuild.evaluation.fence import mark_of
from evobuild.evaluation.judge import Judge, Judgment, Question

PAIR = "judge/pair.jinja"
"""The judge's prompt."""

CRITERIA = "judge/pair_criteria.jinja"
PairPrompt = Literal["mt_bench", "criteria"]
Verdict = Literal["A", "B", "C"]
Outcome = Literal["win", "tie", "lose"]

OUTCOMES: tuple[Outcome, ...] = ("win", "tie", "lose")
LABELS: tuple[Verdict, ...] = ("A", "B", "C")
SWAPPED: dict[Verdict, Verdict] = {"A": "B", "B": "A", "C": "C"}
"""What a verdict on the swapped answers says of them in their own order."""
COMPARED: dict[str, Verdict] = {"better than": "A", "worse than": "B", "equal to": "C"}
"""What assistant 1 is, beside assistant 2."""
_COMPARISON = re.compile(rf"\bassistant 1 is ({'|'.join(COMPARED)}) assistant 2\b")
MEANS: dict[Verdict, Outcome] = {"A": "win", "B": "lose", "C": "tie"}


class Pair(NamedTuple):
    """The answers of two models to the same questions, turn by turn.

    key: unique among the pairs. references: an answer to go by for each question, or none at all.
    unit: what figures count it under, mostly its item; '' for its key.
    """

    key: str
    questions: tuple[str, ...]
    one: tuple[str, ...]
    other: tuple[str, ...]
    references: tuple[str, ...] = ()
    unit: str = ""

    def swapped(self) -> Pair:
        """The same answers in the other order."""
        return self._replace(one=self.other, other=self.one)


class Judged(NamedTuple):
    """What came of a pair. outcome: of the model `one`; None if an order could not be read.

    consistent: whether both orders say the same; None likewise. first, second: the verdicts on the pair and
    on the swapped one, as they were said. judgments: the judge's replies to them.
    """

    key: str
    unit: str
    outcome: Outcome | None
    consistent: bool | None
    first: Verdict | None
    second: Verdict | None
    judgments: tuple[str, str]


def judge_pairs(
    judge: Judge, benchmark: str, pairs: Sequence[Pair], prompt: PairPrompt = "mt_bench"
) -> list[Judged]:
    """Ask the judge each pair in both orders; what comes of each, in their order.

    benchmark: under which its questions are counted. prompt: a name of PAIR_PROMPTS.

    Raises UserError as Judge.judge does, if too many of its replies cannot be read.
    """
    orders = [(pair, number) for pair in pairs for number in (1, 2)]
    template, read = PAIR_PROMPTS[prompt]
    asked = (
        pair_question(pair if number == 1 else pair.swapped(), number, template) for pair, number in orders
    )
    said: Mapping[str, Judgment[Verdict]] = judge.judge(benchmark, asked, read)
    found = []
    for pair in pairs:
        first, second = (said[_question_key(pair, number)] for number in (1, 2))
        outcome, consistent = combine(first.value, second.value)
        found.append(
            Judged(
                pair.key,
                pair.unit or pair.key,
                outcome,
                consistent,
                first.value,
                second.value,
                (first.text, second.text),
            )
        )
    return found


def pair_question(pair: Pair, order: int, template: str = PAIR) -> Question:
    """Ask which of a pair is better, `one` first. order: 1, or 2 for a swapped pair; the key has it."""
    references = pair.references or ("",) * len(pair.questions)
    turns = [
        {"question": question, "reference": reference, "a": one, "b": other}
        for question, reference, one, other in zip(
            pair.questions, references, pair.one, pair.other, strict=True
        )
    ]
    mark = mark_of(text for turn in turns for text in turn.values())
    return Question(_question_key(pair, order), user(render_prompt(template, turns=turns, mark=mark)))


def _question_key(pair: Pair, order: int) -> str:
    return f"{pair.key}/order{order}"


def read_verdict(reply: Reply) -> Verdict | None:
    """Read a verdict; None without one. Of several, A comes before B and B before C, as FastChat has it."""
    return next((label for label in LABELS if f"[[{label}]]" in reply.text), None)


def read_comparison(reply: Reply) -> Verdict | None:
    """Read how assistant 1 compares with assistant 2, of the last line alone; None if it does not say."""
    lines = [line for line in reply.text.casefold().splitlines() if line.strip()]
    last = re.sub(r"[\s*_`#>\"'.:]+", " ", lines[-1]) if lines else ""
    found = {*_COMPARISON.findall(last)}
    return COMPARED[found.pop()] if len(found) == 1 else None


PAIR_PROMPTS: dict[PairPrompt, tuple[str, Callable[[Reply], Verdict | None]]] = {
    "mt_bench": (PAIR, read_verdict),
    "criteria": (CRITERIA, read_comparison),
}
"""The judge's template, and what reads its reply."""


def combine(first: Verdict | None, second: Verdict | None) -> tuple[Outcome | None, bool | None]:
    """Give outcome and consistency of a pair. second: the verdict on the swapped answers, as it was said."""
    if first is None or second is None:
        return None, None
    consistent = first == SWAPPED[second]
    return (MEANS[first] if consistent else "tie"), consistent


def figures_of(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Compute the metrics of pairs, tables of FIGURE by name: shares from 0 to 1, by unit.

    win, tie, lose: shares of the parsed pairs, so that they sum to 1. consistency: of the parsed pairs, too.
    unparsed: of all pairs. win_rate: wins and half of the ties, of the parsed pairs.

    rows: a pair each, with unit, outcome and consistent.
    """
    read = rows.drop_nulls("outcome")
    outcome = pl.col("outcome")
    found: dict[str, pl.DataFrame] = {name: _share(read, outcome == name) for name in OUTCOMES}
    found["win_rate"] = _share(read, (outcome == "win") + (outcome == "tie") / 2)
    found["consistency"] = _share(read, pl.col("consistent"))
    found["unparsed"] = _share(rows, outcome.is_null())
    return found


def _share(rows: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    grouped = rows.group_by("unit").agg(total=value.cast(pl.Float64).sum(), weight=pl.len().cast(pl.Float64))
    return grouped.sort("unit")
