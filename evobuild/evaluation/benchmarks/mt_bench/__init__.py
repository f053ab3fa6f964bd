"""Evaluate MT-Bench: two-turn questions, whose answers a judge rates from 1 to 10 or compares with a
baseline's.

Items: FastChat's question.jsonl (question_id, category, turns), or HuggingFaceH4/mt_bench_prompts of the hub
(prompt_id, category, prompt, reference). The judge sees reference answers only for mathematics, reasoning and
coding. References and baselines are in FastChat's files of answers: question_id, and choices whose first has
turns. A judgment without a rating is unknown; FastChat writes -1 and leaves it out. Source: Zheng et al.
2023, arXiv:2306.05685, and FastChat's llm_judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

import polars as pl
from pydantic import model_validator

from evobuild.core.chat import Message, Reply, Sampling
from evobuild.core.params import Temperature, Tokens
from evobuild.evaluation.benchmark import (
    Answer,
    Benchmark,
    Check,
    Item,
    ModelRequest,
    Scored,
    Settings,
    Tools,
    check_value_expr,
    compute_unknown_share,
    user_chat,
)
from evobuild.evaluation.benchmarks.mt_bench.questions import add_answers, read_questions
from evobuild.evaluation.benchmarks.mt_bench.rating import BEST, RATE, rating_question, read_rating
from evobuild.evaluation.judge import Judge
from evobuild.evaluation.pairwise import PAIR, Pair, judge_pairs, outcome_shares

WITH_REFERENCE = frozenset({"math", "reasoning", "coding"})
"""Categories whose reference answers the judge sees."""
TEMPERATURES = {
    **dict.fromkeys(("writing", "roleplay"), 0.7),
    **dict.fromkeys(("extraction", "math", "coding", "reasoning"), 0.0),
    **dict.fromkeys(("stem", "humanities"), 0.1),
}
OTHER_TEMPERATURE = 0.7
"""Temperature of categories that MT-Bench does not have."""
POINTS = {"win": 1.0, "tie": 0.5, "lose": 0.0}
"""Score of an answer by its outcome against the baseline's."""
CONSISTENT = "consistent"
UNPARSED = "unparsed"


class MTBenchSettings(Settings):
    """temperature: null: by category. references: file of reference answers, '' for the items' own.

    mode: single rates answers; pairwise has the judge compare them with those of the file `baseline`.
    """

    max_tokens: Tokens = 1024
    temperature: Temperature | None = None  # type: ignore[assignment]
    references: str = ""
    mode: Literal["single", "pairwise"] = "single"
    baseline: str = ""

    @model_validator(mode="after")
    def _has_baseline(self) -> Self:
        if self.mode == "pairwise" and not self.baseline:
            raise ValueError("expected baseline, a file of answers, where mode is pairwise")
        return self


class MTBench(Benchmark[MTBenchSettings]):
    """Yield one row per turn: its rating, or its score against the baseline's answer."""

    settings_type = MTBenchSettings
    needs = frozenset({"judge"})
    prompts = (RATE, PAIR)

    @property
    def files(self) -> tuple[str, ...]:
        """Return the file of items, and the files of answers from params."""
        return tuple(filter(None, (self.items_file, self.settings.references, self.settings.baseline)))

    def read_items(self) -> list[Item]:
        """Read the questions with their reference answers and, in pairwise mode, the baseline's."""
        given = self.settings
        items = read_questions(Path(self.items_file))
        if given.references:
            needed = [item for item in items if item.group in WITH_REFERENCE]
            items = add_answers(items, needed, "references", given.references)
        if given.mode == "pairwise":
            items = add_answers(items, items, "baseline", given.baseline)
        return items

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return one request: the next turn, with those before it."""
        turns = item.content["turns"]
        if len(replies) == len(turns):
            return ()
        said = [reply.text for reply in replies]
        messages: list[Message] = []
        for question, answer in zip(turns, said, strict=False):
            messages += [Message("user", question), Message("assistant", answer)]
        return (ModelRequest((*messages, *user_chat(turns[len(said)])), self._sampling(item.group)),)

    def _sampling(self, category: str) -> Sampling:
        temperature = self.settings.temperature
        if temperature is None:
            temperature = TEMPERATURES.get(category, OTHER_TEMPERATURE)
        return replace(self.settings.sampling(self.seed), temperature=temperature)

    def references(self, item: Item) -> tuple[str, ...]:
        """Return the reference answers of a category that uses them."""
        references: tuple[str, ...] = item.content["references"] if item.group in WITH_REFERENCE else ()
        return references

    def max_requests(self, item: Item) -> int:
        """Return the number of turns."""
        return len(item.content["turns"])

    def max_judge_calls(self, item: Item) -> int:
        """Return one call per turn; two in pairwise mode."""
        return len(item.content["turns"]) * (2 if self.settings.mode == "pairwise" else 1)

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Rate or compare every turn. Raises UserError if too many of the judge's replies cannot be
        parsed.
        """
        assert tools.judge, "MT-Bench needs a judge"
        pairs = [self._pair(answer, turn) for answer in answers for turn in _turn_numbers(answer)]
        scored = self._compare_turns if self.settings.mode == "pairwise" else self._rate_turns
        return scored(answers, pairs, tools.judge)

    def _pair(self, answer: Answer, turn: int) -> Pair:
        """Pair the turns of an item up to one with the baseline's."""
        item, said = answer.item, tuple(reply.text for reply in answer.replies[:turn])
        given, baseline = item.content["turns"][:turn], item.content["baseline"][:turn]
        return Pair(f"{item.id}/{turn}", given, said, baseline, self.references(item)[:turn], item.id)

    def _rate_turns(self, answers: Sequence[Answer], turns: Sequence[Pair], judge: Judge) -> Iterator[Scored]:
        said = judge.judge(self.name, map(rating_question, turns), read_rating)
        for answer in answers:
            for turn in _turn_numbers(answer):
                judged = said[f"{answer.item.id}/{turn}"]
                yield _row(answer, turn, judged.value, (), judged.text)

    def _compare_turns(
        self, answers: Sequence[Answer], pairs: Sequence[Pair], judge: Judge
    ) -> Iterator[Scored]:
        judged = {each.key: each for each in judge_pairs(judge, self.name, pairs)}
        for answer in answers:
            for turn in _turn_numbers(answer):
                each = judged[f"{answer.item.id}/{turn}"]
                points = POINTS[each.outcome] if each.outcome else None
                consistent = None if each.consistent is None else float(each.consistent)
                said = "\n\n".join(each.judgments)
                yield _row(answer, turn, points, (Check(CONSISTENT, consistent),), said)

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute the mean score over all parsed judgments, as FastChat does: also by turn and by category.

        unparsed: the share of the others. In pairwise mode the score is 1 for a win and 0.5 for a tie, and
        win, tie, lose and consistency are those of `pairwise.pair_metrics`.
        """
        found = {self.headline: average_score(rows)}
        for turn in sorted(set(rows["part"])):
            found[f"turn{turn}"] = average_score(rows.filter(pl.col("part") == turn))
        for category in sorted(set(rows["group"]) - {""}):
            found[f"score/{category}"] = average_score(rows.filter(pl.col("group") == category))
        if self.settings.mode == "single":
            return found | {UNPARSED: compute_unknown_share(rows)}
        outcome = pl.col("score").replace_strict(list(POINTS.values()), list(POINTS), default=None)
        consistent = check_value_expr(CONSISTENT) == 1.0
        return found | outcome_shares(rows.select(unit="item", outcome=outcome, consistent=consistent))

    def scale(self, figure: str) -> tuple[float, float] | None:
        """Return the least and the largest rating; in pairwise mode all metrics are shares."""
        return (0.0, BEST) if self.settings.mode == "single" and figure != UNPARSED else None


def average_score(rows: pl.DataFrame) -> pl.DataFrame:
    """Compute the mean score over all rows that have one, by item."""
    known = rows.drop_nulls("score").group_by(unit="item")
    return known.agg(total=pl.col("score").sum(), weight=pl.len().cast(pl.Float64)).sort("unit")


def _turn_numbers(answer: Answer) -> range:
    return range(1, 1 + len(answer.replies))


def _row(answer: Answer, turn: int, score: float | None, checks: tuple[Check, ...], judgment: str) -> Scored:
    question, reply = answer.item.content["turns"][turn - 1], answer.replies[turn - 1].text
    return Scored(answer.item, question, reply, score, checks, turn, judgment)
