"""Evaluate FollowBench: instructions with one to five constraints, checked by code where possible, else by
the judge.

A score is 1 if the reply satisfies all constraints of its level, 0 if not, and unknown if the judge's reply
cannot be parsed; the check `soft` is the satisfied share. `limit` samples single levels: for incomplete
examples, the consistent levels are known only up to the first failure.

Items: the repository's folder of `<family>_constraints.json`, or a file with such records: example_id,
category, source, level, instruction, target. Items of level 0, 124 of 944 records, are not evaluated. Source:
Jiang et al. 2023, arXiv:2310.20410, and its repository YJiangcm/FollowBench.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from evobuild.core.chat import Reply
from evobuild.core.errors import UserError
from evobuild.evaluation.benchmark import (
    Answer,
    Benchmark,
    Check,
    Item,
    ModelRequest,
    Scored,
    Settings,
    Tools,
    user_chat,
)
from evobuild.evaluation.benchmarks.followbench import items, judging, rules
from evobuild.evaluation.benchmarks.followbench.rates import RULE, SOFT, compute_rates


class FollowBench(Benchmark[Settings]):
    """Measure how many constraints a model follows, by level."""

    needs = frozenset({"judge"})
    prompts = (judging.PROMPT,)
    headline = "hsr"

    @property
    def files(self) -> tuple[str, ...]:
        """Return the file, or those of the folder."""
        return items.item_files(self.items_file)

    def read_items(self) -> list[Item]:
        """Read the items of levels 1 to 5."""
        return items.read_items(self.items_file)

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return one request: the instruction of the item's level."""
        return (
            ()
            if replies
            else (ModelRequest(user_chat(item.content["instruction"]), self.settings.sampling(self.seed)),)
        )

    def max_judge_calls(self, item: Item) -> int:
        """Return 0 for an item with a rule, else 1."""
        return 0 if item.content["rule"] else 1

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Score items by their rule, others by the judge. Raises UserError if a judge is needed and
        missing.
        """
        judged = []
        for answer in answers:
            if answer.item.content["rule"]:
                yield _score_by_rule(answer)
            else:
                judged.append(answer)
        yield from self._score_by_judge(judged, tools)

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute rates by level and family, and consistent levels: see rates.py."""
        return compute_rates(rows)

    def _score_by_judge(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        if answers and tools.judge is None:
            raise UserError(f"{self.name}: {len(answers)} replies need a judge; set models.judge")
        if not answers or tools.judge is None:
            return
        levels = {answer.item.id: answer.item.content["level"] for answer in answers}
        judgments = tools.judge.judge(
            self.name,
            (judging.judge_question(answer.item, answer.replies[0].text) for answer in answers),
            lambda reply: judging.read_judgment(reply.text, levels[reply.key]),
        )
        for answer in answers:
            judgment = judgments[answer.item.id]
            yield _score_judgment(answer, judgment.value, judgment.text)


def _score_by_rule(answer: Answer) -> Scored:
    content, reply = answer.item.content, answer.replies[0].text
    met = rules.satisfies(content["rule"], reply, content["target"], content["level"])
    checks = (Check(SOFT, float(met)), Check(RULE, float(met)))
    return Scored(answer.item, content["instruction"], reply, float(met), checks)


def _score_judgment(answer: Answer, verdicts: tuple[bool, ...] | None, judgment: str) -> Scored:
    """Score a reply by the judge's verdict on each constraint; None if that is unknown."""
    content = answer.item.content
    values = [None] * content["level"] if verdicts is None else list(map(float, verdicts))
    hard = None if verdicts is None else float(all(verdicts))
    soft = None if verdicts is None else sum(verdicts) / len(verdicts)
    each = (Check(f"constraint/{number}", value) for number, value in enumerate(values, 1))
    reply = answer.replies[0].text
    return Scored(
        answer.item, content["instruction"], reply, hard, (Check(SOFT, soft), *each), judgment=judgment
    )
