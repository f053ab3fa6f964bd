"""Benchmarks whose items are problems, asked alone or after worked examples, as a chat or as a raw prompt.

    chat        each example is a turn of the user and one of the assistant; 0 examples unless settings say so
    completion  one text that the model continues, without a chat template; as many examples as is usual

Examples are records like the items', with their worked answers: those of ours lie in
data/raw/benchmarks/examples, and a file of the benchmark's own training set can be given instead.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from evobuild.core.chat import Message, Reply
from evobuild.core.errors import BadInput
from evobuild.core.params import FewOrNone
from evobuild.core.prompts import render_prompt
from evobuild.evaluation.benchmark import Ask, Benchmark, Item, Settings, plain_text, unique_items, user
from evobuild.seeds.fields import Record
from evobuild.seeds.records import read_records

OURS = "data/raw/benchmarks/examples"


class FewShot(Settings):
    """prompt: see above. shots: examples before an item; null: 0 of a chat, else as many as is usual.

    examples: a file of worked examples, '' for ours; its first ones are taken.
    """

    prompt: Literal["chat", "completion"] = "chat"
    shots: FewOrNone | None = None
    examples: str = ""


S = TypeVar("S", bound=FewShot)


class FewShotBenchmark(Benchmark[S]):
    """One turn: the problem, after its examples. prompts: the template of a chat's turn, and of a completion.

    usual_shots: of a completion. stop: what begins the next problem, where a completion ends.
    """

    usual_shots: ClassVar[int]
    stop: ClassVar[tuple[str, ...]]

    @abstractmethod
    def read_item(self, record: Record, place: str, number: int) -> Item:
        """Read one record, number from 0. Raises BadInput naming place and field of what is none."""

    @abstractmethod
    def worked(self, item: Item) -> str:
        """The worked answer of an example, as a model is to write its own."""

    def asked(self, item: Item) -> dict[str, Any]:
        """What the templates are given of an item."""
        return dict(item.content)

    @property
    def kind(self) -> str:
        """The benchmark, whatever its entry is called."""
        return self.settings.benchmark or self.name

    @property
    def shots(self) -> int:
        """How many examples stand before an item."""
        usual = 0 if self.settings.prompt == "chat" else self.usual_shots
        return usual if self.settings.shots is None else self.settings.shots

    @property
    def examples_file(self) -> str:
        """The file of worked examples."""
        return self.settings.examples or f"{OURS}/{self.kind}.jsonl"

    @property
    def files(self) -> tuple[str, ...]:
        """The items and, if any are shown, the examples."""
        return (self.items_file, self.examples_file) if self.shots else (self.items_file,)

    def read_items(self) -> list[Item]:
        """Read all items, in the file's order. Raises BadInput naming place and field of what is none."""
        return unique_items(self._read(self.items_file), self.items_file)

    def _read(self, file: str) -> list[tuple[str, Item]]:
        records = enumerate(read_records(Path(file)))
        return [(place, self.read_item(record, place, number)) for number, (place, record) in records]

    @cached_property
    def examples(self) -> list[Item]:
        """The examples that are shown. Raises BadInput if the file holds fewer."""
        found = [item for _, item in self._read(self.examples_file)][: self.shots] if self.shots else []
        if len(found) < self.shots:
            raise BadInput(
                f"{self.examples_file}: holds {len(found)} examples, and shots of {self.name} is "
                f"{self.shots}; give a file with more, or fewer shots"
            )
        return found

    def asks(self, item: Item, replies: Sequence[Reply]) -> Sequence[Ask]:
        """Ask for the solution, once."""
        if replies:
            return ()
        return (Ask(self._messages(item), self._sampling()),)

    def _sampling(self) -> Any:
        stop = self.stop if self.settings.prompt == "completion" else ()
        return self.settings.sampling(self.seed, stop=stop)

    def _messages(self, item: Item) -> tuple[Message, ...]:
        chat, completion = self.prompts
        if self.settings.prompt == "completion":
            examples = [{**self.asked(each), "worked": self.worked(each)} for each in self.examples]
            return plain_text(render_prompt(completion, examples=examples, **self.asked(item)))
        turns: list[Message] = []
        for each in self.examples:
            turns += user(render_prompt(chat, **self.asked(each)))
            turns.append(Message("assistant", self.worked(each)))
        return (*turns, *user(render_prompt(chat, **self.asked(item))))

    def reply_text(self, reply: Reply) -> str:
        """A reply as it is scored: of a completion, what stands before the next problem begins."""
        text = reply.text
        if self.settings.prompt == "completion":
            for stop in self.stop:
                text = text.partition(stop)[0]
        return text


def record_id(record: Record, fields: Sequence[str], number: int) -> str:
    """The id of a record by the first of the fields that it has, else its number in the file, from 0."""
    found = (record[field] for field in fields if isinstance(record.get(field), str | int))
    return str(next(found, number))
