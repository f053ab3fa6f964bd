"""Define MMLU's and C-Eval's common base: questions with lettered choices, scored by likelihood or from a
reply.

likelihood  a raw prompt, without chat template, and the likelihood of each letter after it; the likeliest
            letter is the answer. Prompt and blank before the letter are those of lm-evaluation-harness
            0.4.13.
generative  a chat: each example a turn and its answer, then the question; the letter is parsed from the reply
            (`text.choices`). A reply without a letter is wrong, as in the authors' own scripts; the check
            `read` counts the others.

The first examples of its subject in the split dev precede each question. If the answers are not published,
the score is unknown; the check `choice` has the chosen letter: 0 for A.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import polars as pl
from pydantic import Field

from evobuild.core.chat import Message, Reply
from evobuild.core.errors import BadInput
from evobuild.core.params import Between
from evobuild.core.suggestions import suggest
from evobuild.evaluation.benchmark import (
    Answer,
    Benchmark,
    Check,
    Item,
    ModelRequest,
    Scored,
    Settings,
    Tools,
    collect_items,
    item_means,
    raw_prompt,
)
from evobuild.evaluation.benchmarks.question_files import Question, question_tables, read_questions
from evobuild.text.choices import find_stated_choice

Split = Literal["dev", "val", "test"]


class MultipleChoiceSettings(Settings):
    """mode: see the module. shots: examples before a question. subjects: which to ask; null: all.

    split: of the questions. overlong: what to do with a prompt that exceeds the context window: reject its
    item, or cut its beginning, as lm-evaluation-harness does silently.
    """

    mode: Literal["likelihood", "generative"] = "likelihood"
    shots: Annotated[int, Between(0, 100)] = 5
    split: Split = "test"
    subjects: Annotated[list[str], Field(max_length=1000)] | None = None
    overlong: Literal["reject", "cut"] = "reject"


class MultipleChoice(Benchmark[MultipleChoiceSettings]):
    """Questions of many subjects. groups: subjects by group; a subject may be in several, or in no group."""

    settings_type = MultipleChoiceSettings
    needs = frozenset({"likelihoods"})
    headline = "accuracy"
    groups: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    answer_label: ClassVar[str]
    """Text before the letter."""

    @abstractmethod
    def header(self, subject: str) -> str:
        """Return the text before the first example, or before the question without examples."""

    def __init__(self, name: str, settings: MultipleChoiceSettings, seed: int) -> None:
        super().__init__(name, settings, seed)
        if settings.mode == "generative":
            self.needs = frozenset()  # type: ignore[misc]

    @property
    def files(self) -> tuple[str, ...]:
        """Return the file, or those of the folder."""
        folder = Path(self.items_file)
        if not folder.is_dir():
            return (self.items_file,)
        return tuple(file.as_posix() for _, file in question_tables(folder))

    def read_items(self) -> list[Item]:
        """Read the questions of the split with their examples.

        Raises BadInput for an invalid file, a missing subject, or too few examples.
        """
        file, wanted = Path(self.items_file), self.settings.split
        asked: list[Question] = []
        examples: dict[str, list[Question]] = defaultdict(list)
        for question in read_questions(file):
            if question.split == "dev" and question.answer:
                examples[question.subject].append(question)
            if (question.split or wanted) == wanted:
                asked.append(question)
        self._check_subjects(file, {each.subject for each in asked})
        subjects = self.settings.subjects
        chosen = [each for each in asked if not subjects or each.subject in subjects]
        return collect_items(
            ((each.place, self._item(each, examples[each.subject])) for each in chosen), str(file)
        )

    def _check_subjects(self, file: Path, found: set[str]) -> None:
        if not found:
            raise BadInput(
                f"{file}: holds no question of the split {self.settings.split}; expected at least one"
            )
        if missing := sorted(set(self.settings.subjects or ()) - found):
            raise BadInput(
                f"{file}: unknown subject '{missing[0]}' in the split {self.settings.split}; "
                f"{suggest(missing[0], sorted(found))}"
            )

    def _item(self, question: Question, examples: Sequence[Question]) -> Item:
        shots = self.settings.shots
        if len(examples) < shots:
            raise BadInput(
                f"{question.place}: {question.subject} has {len(examples)} examples in the split dev, and "
                f"shots is {shots}; lower it, or give a file with more"
            )
        content = {"question": question, "examples": tuple(examples[:shots])}
        return Item(f"{question.subject}/{question.id}", question.subject, content)

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return one request per letter for its likelihood, or one for a reply."""
        if replies:
            return ()
        cut = self.settings.overlong == "cut"
        sampling = self.settings.sampling(self.seed)
        if self.settings.mode == "generative":
            return (ModelRequest(self._chat(item), sampling, cut=cut),)
        prompt = raw_prompt(self._prompt(item))
        letters = item.content["question"].letters
        return tuple(ModelRequest(prompt, sampling, f" {letter}", cut) for letter in letters)

    def _prompt(self, item: Item) -> str:
        shown = [self._text(each) + f" {each.answer}\n\n" for each in item.content["examples"]]
        question = self._text(item.content["question"])
        return "".join([self.header(item.group), *shown, question])

    def _chat(self, item: Item) -> tuple[Message, ...]:
        turns: list[Message] = []
        for each in item.content["examples"]:
            turns += [Message("user", self._text(each)), Message("assistant", each.answer)]
        turns.append(Message("user", self._text(item.content["question"])))
        header = self.header(item.group)
        return (turns[0]._replace(content=header + turns[0].content), *turns[1:])

    def _text(self, question: Question) -> str:
        choices = [
            f"{letter}. {choice}" for letter, choice in zip(question.letters, question.choices, strict=True)
        ]
        return "\n".join([question.question.strip(), *choices, self.answer_label])

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Score each item: 1 if the letter is right, 0 if not, unknown if the answer is not published."""
        for answer in answers:
            question: Question = answer.item.content["question"]
            if self.settings.mode == "generative":
                reply = answer.replies[0].text
                letter = find_stated_choice(reply, question.letters)
                checks = [Check("read", float(letter is not None))]
            else:
                sums = [
                    math.fsum(each[0] for each in reply.choices[0].logprobs or ()) for reply in answer.replies
                ]
                reply = letter = question.letters[max(range(len(sums)), key=sums.__getitem__)]
                checks = [
                    Check(f"log {each}", value) for each, value in zip(question.letters, sums, strict=True)
                ]
            checks.append(Check("choice", None if letter is None else float(question.letters.index(letter))))
            score = float(letter == question.answer) if question.answer else None
            yield Scored(answer.item, answer.asks[0].messages[-1].content, reply, score, tuple(checks))

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute the accuracy of all items, of each group and of each subject."""
        found = {self.headline: self.accuracy(rows)}
        subjects = sorted(set(rows["group"]))
        parts = {name: own for name, own in self.groups.items() if set(own) & set(subjects)}
        for name, own in {**parts, **{subject: (subject,) for subject in subjects}}.items():
            found[f"{self.headline}/{name}"] = self.accuracy(rows.filter(pl.col("group").is_in(own)))
        return found

    def accuracy(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Compute the share of right items."""
        return item_means(rows, pl.col("score"))
