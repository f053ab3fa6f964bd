r"""GSM8K: school mathematics whose answer is a number (arXiv:2110.14168).

Items are records of `question` and `answer`, a worked solution that ends with `#### 18`: the official
test.jsonl, or openai/gsm8k of the hub. An id is the record's `id`, else its number in the file, from 0.

The answer of a reply is read three ways, each a check and a figure: the last number, which gives every
published verdict of the benchmark's authors; the number after `####`; the number in `\boxed{}`. A reply in
which one of them finds nothing is wrong by it. disagree: those that found a number found different ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from evobuild.core.errors import BadInput
from evobuild.evaluation.benchmark import (
    Answer,
    Check,
    Item,
    Scored,
    Tools,
    check_mean,
    last_prompt,
    required_text,
)
from evobuild.evaluation.few_shot import FewShot, FewShotBenchmark, record_id
from evobuild.evaluation.final_answers import boxed_number, hash_number, last_number
from evobuild.seeds.fields import Record

EXTRACTIONS = {"last_number": last_number, "hash": hash_number, "boxed": boxed_number}
"""How the answer of a reply is read, by the name of its figure."""


class GSM8K(FewShotBenchmark[FewShot]):
    """Exact number, by the last number of the reply."""

    settings_type = FewShot
    prompts = ("evaluate/gsm8k_chat.jinja", "evaluate/gsm8k_completion.jinja")
    headline = "last_number"
    usual_shots = 8
    stop = ("\nQuestion:",)

    def read_item(self, record: Record, place: str, number: int) -> Item:
        """Read a question and its answer."""
        question, answer = (required_text(record, field, place) for field in ("question", "answer"))
        if hash_number(answer) is None:
            raise BadInput(f"{place}: 'answer' has no number after '####'; expected e.g. '#### 18'")
        identity = record_id(record, ("id",), number)
        return Item(identity, "", {"question": question, "answer": answer})

    def worked(self, item: Item) -> str:
        """The whole answer."""
        return str(item.content["answer"])

    def score(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Hold the number of each reply against the reference."""
        for answer in answers:
            reply = answer.replies[0].text
            checks = check_numbers(self.reply_text(answer.replies[0]), answer.item.content["answer"])
            yield Scored(answer.item, last_prompt(answer.asks[0]), reply, checks[0].value, checks)

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The share of right answers by each extraction, and the share of replies on which they disagree."""
        return {name: check_mean(rows, name) for name in (*EXTRACTIONS, "disagree")}


def check_numbers(reply: str, reference: str) -> tuple[Check, ...]:
    """Give a check for each extraction, the last number's first, and whether they disagree.

    reference: a solution that ends with `#### 18`.
    """
    right = hash_number(reference)
    found = {name: read(reply) for name, read in EXTRACTIONS.items()}
    disagree = len({number for number in found.values() if number is not None}) > 1
    checks = [Check(name, float(number is not None and number == right)) for name, number in found.items()]
    return (*checks, Check("disagree", float(disagree)))
