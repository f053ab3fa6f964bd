"""Compare the answers of two models by a judge, in both orders: win, tie or lose.

The judge replies A, B, or C for a tie; the prompt `criteria` asks how assistant 1 compares with assistant 2.
A model wins if both orders agree. A tie, or orders that disagree, is a tie. If one reply cannot be parsed,
the outcome is unknown, which is not a tie. The share of agreeing orders, the swap consistency, measures how
far to trust the rates. Sources: Zheng et al. 2023, arXiv:2306.05685, section 3.4, and FastChat's llm_judge,
whose parsing of verdicts is used here; Hui et al. 2024, arXiv:2412.11231, Figure 20.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import polars as pl

from evobuild.core.chat import Reply
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import user_chat
from evobuild.evaluation.fence import make_fence_mark
from evobuild.evaluation.judge import Judge, Judgment, Question

PAIR = "judge/pair.jinja"
"""Template of the judge's prompt."""

CRITERIA = "judge/pair_criteria.jinja"
PairPrompt = Literal["mt_bench", "criteria"]
Verdict = Literal["A", "B", "C"]
Outcome = Literal["win", "tie", "lose"]

OUTCOMES: tuple[Outcome, ...] = ("win", "tie", "lose")
LABELS: tuple[Verdict, ...] = ("A", "B", "C")
SWAPPED: dict[Verdict, Verdict] = {"A": "B", "B": "A", "C": "C"}
"""Verdict on the pair in its own order, by the verdict on the swapped answers."""
COMPARED: dict[str, Verdict] = {"better than": "A", "worse than": "B", "equal to": "C"}
"""Verdict by what the judge's reply calls assistant 1 beside assistant 2."""
_COMPARISON = re.compile(rf"\bassistant 1 is ({'|'.join(COMPARED)}) assistant 2\b")
MEANS: dict[Verdict, Outcome] = {"A": "win", "B": "lose", "C": "tie"}


class Pair(NamedTuple):
    """Hold the answers of two models to the same questions, turn by turn.

    key: unique among the pairs. references: one reference answer per question, or empty. unit: the unit of
    metrics, mostly the item; '' for the key.
    """

    key: str
    questions: tuple[str, ...]
    one: tuple[str, ...]
    other: tuple[str, ...]
    references: tuple[str, ...] = ()
    unit: str = ""

    def swapped(self) -> Pair:
        """Return the pair in the other order."""
        return self._replace(one=self.other, other=self.one)


class Judged(NamedTuple):
    """Hold the judgment of a pair. outcome: of the model `one`; None if an order could not be parsed.

    consistent: whether both orders agree; None likewise. first, second: the raw verdicts on the pair and on
    the swapped pair. judgments: the judge's replies.
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
    """Call the judge for each pair in both orders; return the judgments in order of the pairs.

    Args:
        benchmark: name under which the judge's calls are counted.
        prompt: a name of PAIR_PROMPTS.

    Raises:
        UserError: too many replies cannot be parsed, see Judge.judge.
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
    """Build the question which answer of a pair is better, `one` first. order: 1, or 2 for a swapped pair."""
    references = pair.references or ("",) * len(pair.questions)
    turns = [
        {"question": question, "reference": reference, "a": one, "b": other}
        for question, reference, one, other in zip(
            pair.questions, references, pair.one, pair.other, strict=True
        )
    ]
    mark = make_fence_mark(text for turn in turns for text in turn.values())
    return Question(_question_key(pair, order), user_chat(render_prompt(template, turns=turns, mark=mark)))


def _question_key(pair: Pair, order: int) -> str:
    return f"{pair.key}/order{order}"


def read_verdict(reply: Reply) -> Verdict | None:
    """Parse a verdict; None without one. Of several, the first of A, B, C counts, as in FastChat."""
    return next((label for label in LABELS if f"[[{label}]]" in reply.text), None)


def read_comparison(reply: Reply) -> Verdict | None:
    """Parse how assistant 1 compares with assistant 2, from the last line alone; None if it does not say."""
    lines = [line for line in reply.text.casefold().splitlines() if line.strip()]
    last = re.sub(r"[\s*_`#>\"'.:]+", " ", lines[-1]) if lines else ""
    found = {*_COMPARISON.findall(last)}
    return COMPARED[found.pop()] if len(found) == 1 else None


PAIR_PROMPTS: dict[PairPrompt, tuple[str, Callable[[Reply], Verdict | None]]] = {
    "mt_bench": (PAIR, read_verdict),
    "criteria": (CRITERIA, read_comparison),
}
"""The judge's template and the parser of its reply, by prompt."""


def combine(first: Verdict | None, second: Verdict | None) -> tuple[Outcome | None, bool | None]:
    """Return outcome and consistency of a pair. second: the raw verdict on the swapped answers."""
    if first is None or second is None:
        return None, None
    consistent = first == SWAPPED[second]
    return (MEANS[first] if consistent else "tie"), consistent


def outcome_shares(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Compute the metrics of `pair_metrics` from a table. rows: unit, outcome, consistent; one row per pair.

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
