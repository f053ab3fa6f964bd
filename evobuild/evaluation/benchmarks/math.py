r"""Evaluate MATH: competition problems whose answer is an expression (arXiv:2103.03874), or 500 of them,
MATH-500.

Items are records of `problem`, `solution`, and `answer`, or the last `\boxed{}` of the solution; `level`, 1
to 5 or "Level 1"; `subject` or `type`: HuggingFaceH4/MATH-500 and EleutherAI/hendrycks_math of the hub. An id
is the record's `id` or `unique_id`, else its number in the file, from 0.

A reply is right if math-verify finds the reference in it (see symbolic.py). The check `timeout` is 1 if the
comparison was given up twice, which counts as wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import polars as pl

from evobuild.core.errors import BadInput
from evobuild.core.params import Between
from evobuild.evaluation.benchmark import (
    Answer,
    Check,
    Item,
    Scored,
    Tools,
    average_check,
    check_value_expr,
    item_means,
    last_message,
    require_text,
)
from evobuild.evaluation.few_shot import FewShot, FewShotBenchmark, find_record_id
from evobuild.evaluation.symbolic import MathPair, compare_math
from evobuild.seeds.fields import Record
from evobuild.text.final_answers import find_last_boxed

_LEVEL = re.compile(r"(?:Level )?([1-5])")
_MARKED = re.compile(r"\$|\\\(|\\\[|\\boxed")
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


class Settings(FewShot):
    """seconds: CPU time after which a comparison is given up."""

    seconds: Annotated[float, Between(1, 600)] = 15.0


class MATH(FewShotBenchmark[Settings]):
    """Compare expressions symbolically, with metrics by level and subject."""

    settings_type = Settings
    prompts = ("evaluate/math_chat.jinja", "evaluate/math_completion.jinja")
    libraries = ("math-verify", "latex2sympy2_extended", "sympy")
    headline = "accuracy"
    usual_shots = 4
    stop = ("\nProblem:",)

    def read_item(self, record: Record, place: str, number: int) -> Item:
        """Parse a problem with its answer, level and subject."""
        problem = require_text(record, "problem", place)
        solution = str(record.get("solution") or "")
        answer = str(record.get("answer") or "").strip() or find_last_boxed(solution)
        if not answer:
            raise BadInput(rf"{place}: neither an 'answer' nor a \boxed{{}} in 'solution'; expected one")
        level = _LEVEL.fullmatch(str(record.get("level")))
        subject = str(record.get("subject") or record.get("type") or "")
        identity = find_record_id(record, ("id", "unique_id"), number)
        content = {"problem": problem, "solution": solution, "answer": answer}
        return Item(identity, subject, content | {"level": int(level[1]) if level else None})

    def worked_answer(self, item: Item) -> str:
        """Return the solution, or the boxed answer."""
        return str(item.content["solution"] or rf"\boxed{{{item.content['answer']}}}")

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Compare each reply with the reference."""
        for answer, equal in zip(answers, self._verdicts(answers), strict=True):
            checks = [Check("timeout", float(equal is None))]
            if level := answer.item.content["level"]:
                checks.append(Check("level", float(level)))
            prompt, text = last_message(answer.asks[0]), answer.replies[0].text
            yield Scored(answer.item, prompt, text, float(bool(equal)), tuple(checks))

    def _verdicts(self, answers: Sequence[Answer]) -> list[bool | None]:
        """Return whether each reply equals its reference; None if the comparison was given up."""
        right = [each.item.content["answer"] for each in answers]
        texts = [self.reply_text(each.replies[0]) for each in answers]
        # A reply equal to the reference, letter by letter, needs no comparison, which is slow.
        places = [at for at, text in enumerate(texts) if find_last_boxed(text) != right[at]]
        pairs = [MathPair(math_readings(right[at]), texts[at]) for at in places]
        compared = dict(zip(places, compare_math(pairs, self.settings.seconds), strict=True))
        return [compared.get(at, True) for at in range(len(texts))]

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute the share of right answers: of all, by level, by subject; and the share that was
        given up.
        """
        found = {self.headline: item_means(rows, pl.col("score"))}
        for level in range(1, 6):
            found[f"accuracy/level{level}"] = _accuracy(rows.filter(check_value_expr("level") == level))
        for subject in sorted(set(rows["group"]) - {""}):
            found[f"accuracy/{subject}"] = _accuracy(rows.filter(pl.col("group") == subject))
        found["timeout"] = average_check(rows, "timeout")
        return {name: figure for name, figure in found.items() if figure.height}


def _accuracy(rows: pl.DataFrame) -> pl.DataFrame:
    return item_means(rows, pl.col("score"))


def math_readings(answer: str) -> tuple[str, ...]:
    """Return forms of an answer that parse as mathematics as a whole; an answer with markup stays as is."""
    if _MARKED.search(answer.replace(r"\$", "")):
        return (answer,)
    boxed = rf"\boxed{{{answer}}}"
    # 1,22 may be two numbers, or one with a decimal comma: accept both.
    return (boxed, answer) if _DECIMAL_COMMA.fullmatch(answer) else (boxed,)
