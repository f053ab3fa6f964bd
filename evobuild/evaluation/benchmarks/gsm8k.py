r"""GSM8K: school mathematics whose answer is a number (arXiv:2110.14168).

Items are records of `question` and `answer`, a worked solution that ends with `#### 18`: the official
test.jsonl, or openai/gsm8k of the hub. An id is the record's `id`, else its number in the file, from 0.

The answer of a reply is parsed in three ways, each a check and a metric: the number in `\boxed{}`; the text
after `####`, parsed and compared as the benchmark's authors do, letter by letter; the last number. A reply
without one counts as wrong by that check. disagree: the parsed numbers differ. The score, accuracy, uses one
of the three: `auto` uses the first that finds a number, so that text after the box does not count against a
model that was tuned to box its answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import polars as pl

from evobuild.core.errors import BadInput
from evobuild.evaluation.benchmark import (
    Answer,
    Check,
    Item,
    Scored,
    Tools,
    average_check,
    last_message,
    require_text,
)
from evobuild.evaluation.few_shot import FewShot, FewShotBenchmark, find_record_id
from evobuild.seeds.fields import Record
from evobuild.text.final_answers import (
    find_hash_text,
    read_boxed_number,
    read_hash_number,
    read_last_number,
)

EXTRACTIONS = {"boxed": read_boxed_number, "hash": read_hash_number, "last_number": read_last_number}
"""Parsers of a reply's answer, by metric; `auto` uses the first one that finds a number."""
Rule = Literal["auto", "boxed", "hash", "last_number"]


class Settings(FewShot):
    """answer: which parser `accuracy` uses."""

    answer: Rule = "auto"


class GSM8K(FewShotBenchmark[Settings]):
    """Compare the number that a reply states with the reference, exactly."""

    settings_type = Settings
    prompts = ("evaluate/gsm8k_chat.jinja", "evaluate/gsm8k_completion.jinja")
    headline = "accuracy"
    usual_shots = 8
    stop = ("\nQuestion:",)

    def read_item(self, record: Record, place: str, number: int) -> Item:
        """Parse a question and its answer."""
        question, answer = (require_text(record, field, place) for field in ("question", "answer"))
        if read_hash_number(answer) is None:
            raise BadInput(f"{place}: 'answer' has no number after '####'; expected e.g. '#### 18'")
        identity = find_record_id(record, ("id",), number)
        return Item(identity, "", {"question": question, "answer": answer})

    def worked_answer(self, item: Item) -> str:
        """Return the whole answer."""
        return str(item.content["answer"])

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Compare the number of each reply with the reference."""
        for answer in answers:
            reply = answer.replies[0].text
            text = self.reply_text(answer.replies[0])
            checks = check_numbers(text, answer.item.content["answer"], self.settings.answer)
            yield Scored(answer.item, last_message(answer.asks[0]), reply, checks[0].value, checks)

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute accuracy by the chosen parser and by each, and the share of replies where they disagree."""
        return {name: average_check(rows, name) for name in (self.headline, *EXTRACTIONS, "disagree")}


def check_numbers(reply: str, reference: str, answer: Rule = "auto") -> tuple[Check, ...]:
    """Return the check `accuracy`, one per parser, and whether they disagree.

    reference: a solution that ends with `#### 18`. answer: the rule of `accuracy`.
    """
    right = read_hash_number(reference)
    numbers = {name: number for name, read in EXTRACTIONS.items() if (number := read(reply)) is not None}
    verdicts = {name: name in numbers and numbers[name] == right for name in EXTRACTIONS}
    # The authors compare texts: 18.0 differs from 18.
    verdicts["hash"] = find_hash_text(reply) == find_hash_text(reference)
    chosen = next(iter(numbers.values()), None) == right if answer == "auto" else verdicts[answer]
    disagree = len(set(numbers.values())) > 1
    passed = {"accuracy": chosen, **verdicts, "disagree": disagree}
    return tuple(Check(name, float(value)) for name, value in passed.items())
