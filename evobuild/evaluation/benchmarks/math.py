r"""MATH: competition problems whose answer is an expression (arXiv:2103.03874), or 500 of them, MATH-500.

Items are records of `problem`, `solution`, and `answer`, or the last `\boxed{}` of the solution; `level`, 1
to 5 or "Level 1"; `subject` or `type`: HuggingFaceH4/MATH-500 and EleutherAI/hendrycks_math of the hub. An id
is the record's `id` or `unique_id`, else its number in the file, from 0.

A reply is right if math-verify finds in it what equals the reference (see symbolic.py); the check `timeout`
is 1 where that was given up twice, which counts as wrong.
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
    check_mean,
    check_value,
    last_prompt,
    mean_of,
    required_text,
)
from evobuild.evaluation.few_shot import FewShot, FewShotBenchmark, record_id
from evobuild.evaluation.final_answers import last_boxed
from evobuild.evaluation.symbolic import Pair, compare_all
from evobuild.seeds.fields import Record

_LEVEL = re.compile(r"(?:Level )?([1-5])")
_MARKED = re.compile(r"\$|\\\(|\\\[|\\boxed")
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


class Settings(FewShot):
    """seconds: of computing (CPU time), after which a comparison is given up."""

    seconds: Annotated[float, Between(1, 600)] = 15.0


class MATH(FewShotBenchmark[Settings]):
    """Symbolic equality; levels and subjects as figures of their own."""

    settings_type = Settings
    prompts = ("evaluate/math_chat.jinja", "evaluate/math_completion.jinja")
    libraries = ("math-verify", "latex2sympy2_extended", "sympy")
    headline = "accuracy"
    usual_shots = 4
    stop = ("\nProblem:",)

    def read_item(self, record: Record, place: str, number: int) -> Item:
        """Read a problem with its answer, level and subject."""
        problem = required_text(record, "problem", place)
        solution = str(record.get("solution") or "")
        answer = str(record.get("answer") or "").strip() or last_boxed(solution)
        if not answer:
            raise BadInput(rf"{place}: neither an 'answer' nor a \boxed{{}} in 'solution'; expected one")
        level = _LEVEL.fullmatch(str(record.get("level")))
        subject = str(record.get("subject") or record.get("type") or "")
        identity = record_id(record, ("id", "unique_id"), number)
        content = {"problem": problem, "solution": solution, "answer": answer}
        return Item(identity, subject, content | {"level": int(level[1]) if level else None})

    def worked(self, item: Item) -> str:
        """The solution, or the answer in its box."""
        return str(item.content["solution"] or rf"\boxed{{{item.content['answer']}}}")

    def score(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Compare each reply with the reference."""
        for answer, equal in zip(answers, self._verdicts(answers), strict=True):
            checks = [Check("timeout", float(equal is None))]
            if level := answer.item.content["level"]:
                checks.append(Check("level", float(level)))
            prompt, text = last_prompt(answer.asks[0]), answer.replies[0].text
            yield Scored(answer.item, prompt, text, float(bool(equal)), tuple(checks))

    def _verdicts(self, answers: Sequence[Answer]) -> list[bool | None]:
        """Whether each reply equals its reference; None where that was given up."""
        right = [each.item.content["answer"] for each in answers]
        texts = [self.reply_text(each.replies[0]) for each in answers]
        # Of the reference itself, letter by letter, nothing is to be computed.
        places = [at for at, text in enumerate(texts) if last_boxed(text) != right[at]]
        pairs = [Pair(references(right[at]), texts[at]) for at in places]
        compared = dict(zip(places, compare_all(pairs, self.settings.seconds), strict=True))
        return [compared.get(at, True) for at in range(len(texts))]

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The share of right answers: of all, by level, by subject; and the share that was given up."""
        found = {self.headline: mean_of(rows, pl.col("score"))}
        for level in range(1, 6):
            found[f"accuracy/level{level}"] = _accuracy(rows.filter(check_value("level") == level))
        for subject in sorted(set(rows["group"]) - {""}):
            found[f"accuracy/{subject}"] = _accuracy(rows.filter(pl.col("group") == subject))
        found["timeout"] = check_mean(rows, "timeout")
        return {name: figure for name, figure in found.items() if figure.height}


def _accuracy(rows: pl.DataFrame) -> pl.DataFrame:
    return mean_of(rows, pl.col("score"))


def references(answer: str) -> tuple[str, ...]:
    """Write an answer so that it is read whole, as mathematics; what is marked as such stays as it is."""
    if _MARKED.search(answer.replace(r"\$", "")):
        return (answer,)
    boxed = rf"\boxed{{{answer}}}"
    # 1,22 may be two numbers, or one.
    return (boxed, answer) if _DECIMAL_COMMA.fullmatch(answer) else (boxed,)
