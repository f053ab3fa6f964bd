r"""GSM8K: school mathematics whose answer is a number (arXiv:2110.14168).

Items are records of `question` and `answer`, a worked solution that ends with `#### 18`: the official
test.jsonl, or openai/gsm8k of the hub. An id is the record's `id`, else its number in the file, from 0.

The answer of a reply is read three ways, each a check and a figure: the number in `\boxed{}`; what follows
`####`, read and compared as the benchmark's authors do it, letter by letter; the last number. A reply in
which one of them finds nothing is wrong by it. disagree: those that found a number found different ones.
accuracy, the score, is by one of them: `auto` takes the first of the three that finds a number, so that a
model which was tuned to box its answers does not lose by what it says behind the box.
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
    check_mean,
    last_prompt,
    required_text,
)
from evobuild.evaluation.few_shot import FewShot, FewShotBenchmark, record_id
from evobuild.evaluation.final_answers import boxed_number, hash_number, hash_text, last_number
from evobuild.seeds.fields import Record

EXTRACTIONS = {"boxed": boxed_number, "hash": hash_number, "last_number": last_number}
"""How the answer of a reply is read, by the name of its figure; the first that finds one is `auto`'s."""
Rule = Literal["auto", "boxed", "hash", "last_number"]


class Settings(FewShot):
    """answer: how the answer is read that `accuracy` is of."""

    answer: Rule = "auto"


class GSM8K(FewShotBenchmark[Settings]):
    """Exact number, by the answer that a reply states last or in a box."""

    settings_type = Settings
    prompts = ("evaluate/gsm8k_chat.jinja", "evaluate/gsm8k_completion.jinja")
    headline = "accuracy"
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
            text = self.reply_text(answer.replies[0])
            checks = check_numbers(text, answer.item.content["answer"], self.settings.answer)
            yield Scored(answer.item, last_prompt(answer.asks[0]), reply, checks[0].value, checks)

    def figures(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The share of right answers by the chosen rule and by each, and of replies where they disagree."""
        return {name: check_mean(rows, name) for name in (self.headline, *EXTRACTIONS, "disagree")}


def check_numbers(reply: str, reference: str, answer: Rule = "auto") -> tuple[Check, ...]:
    """Give the check `accuracy`, one for each extraction, and whether they disagree.

    reference: a solution that ends with `#### 18`. answer: the rule of `accuracy`.
    """
    right = hash_number(reference)
    numbers = {name: number for name, read in EXTRACTIONS.items() if (number := read(reply)) is not None}
    verdicts = {name: name in numbers and numbers[name] == right for name in EXTRACTIONS}
    # As the authors compare: 18.0 is not 18.
    verdicts["hash"] = hash_text(reply) == hash_text(reference)
    chosen = next(iter(numbers.values()), None) == right if answer == "auto" else verdicts[answer]
    disagree = len(set(numbers.values())) > 1
    passed = {"accuracy": chosen, **verdicts, "disagree": disagree}
    return tuple(Check(name, float(value)) for name, value in passed.items())
