"""FollowBench: instructions with one constraint to five, by code where it can tell, else by the judge.

A reply's score is 1 if it satisfies all constraints of its level, 0 if not, and unknown where the judge's
reply cannot be read; the check `soft` is the share of them. `limit` draws single levels: of examples that are
not whole, the consistent levels are known only up to the first that fails.

Items: the repository's folder of `<family>_constraints.json`, or a file with such records: example_id,
category, source, level, instruction, target. Levels 0, of 944 records 124, are not asked.
Source: Jiang et al. 2023, arXiv:2310.20410, and its repository YJiangcm/FollowBench.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from evobuild.core.chat import Reply
from evobuild.core.errors import UserError
from evobuild.evaluation.benchmark import Answer, Ask, Benchmark, Check, Item, Scored, Settings, Tools, user
from evobuild.evaluation.benchmarks.followbench import items, judging, rules
from evobuild.evaluation.benchmarks.followbench.figures import RULE, SOFT, all_figures


class FollowBench(Benchmark[Settings]):
    """Constraints that are followed, level by level."""

    needs = frozenset({"judge"})
    prompts = (judging.PROMPT,)
    headline = "hsr"

    @property
    def files(self) -> tuple[str, ...]:
        """The file, or those of the folder."""
        return items.item_files(self.items_file)

    def read_items(self) -> list[Item]:
        """Read the items of levels 1 to 5."""
        return items.read_items(self.items_file)

    def asks(self, item: Item, replies: Sequence[Reply]) -> Sequence[Ask]:
        """Ask the instruction of the item's level, once."""
        return () if replies else (Ask(user(item.content["instruction"]), self.settings.sampling(self.seed)),)

    def most_questions(self, item: Item) -> int:
        """None of what a rule judges."""
        return 0 if item.content["rule"] else 1

    def score(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Judge by rules what has one, and ask the judge of the others. Raises UserError without a judge."""
        judged = []
        for answer in answers:
            if answer.item.content["rule"]:
                yield _by_rule(answer)
            else:
                judged.append(answer)
        yield from self._by_judge(judged, tools)

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Rates by level and family, and consistent levels: see followbench/figures.py."""
        return all_figures(rows)

    def _by_judge(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        if answers and tools.judge is None:
            raise UserError(f"{self.name}: {len(answers)} replies wait for a judge; name one: models.judge")
        if not answers or tools.judge is None:
            return
        levels = {answer.item.id: answer.item.content["level"] for answer in answers}
        judgments = tools.judge.judge(
            self.name,
            (judging.question(answer.item, answer.replies[0].text) for answer in answers),
            lambda reply: judging.read_judgment(reply.text, levels[reply.key]),
        )
        for answer in answers:
            judgment = judgments[answer.item.id]
            yield _scored(answer, judgment.value, judgment.text)


def _by_rule(answer: Answer) -> Scored:
    content, reply = answer.item.content, answer.replies[0].text
    met = rules.satisfies(content["rule"], reply, content["target"], content["level"])
    checks = (Check(SOFT, float(met)), Check(RULE, float(met)))
    return Scored(answer.item, content["instruction"], reply, float(met), checks)


def _scored(answer: Answer, verdicts: tuple[bool, ...] | None, judgment: str) -> Scored:
    """A reply with what the judge said of each constraint; None if that is unknown."""
    content = answer.item.content
    values = [None] * content["level"] if verdicts is None else list(map(float, verdicts))
    hard = None if verdicts is None else float(all(verdicts))
    soft = None if verdicts is None else sum(verdicts) / len(verdicts)
    each = (Check(f"constraint/{number}", value) for number, value in enumerate(values, 1))
    reply = answer.replies[0].text
    return Scored(
        answer.item, content["instruction"], reply, hard, (Check(SOFT, soft), *each), judgment=judgment
    )
