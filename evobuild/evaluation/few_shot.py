"""Define benchmarks of problems with optional worked examples, asked as a chat or as a raw prompt.

    chat        each example is a user turn and an assistant turn; 0 examples unless settings name a number
    completion  one text that the model continues, without chat template; by default the usual number of
    examples

Examples are records like the items', with worked answers. Ours are in data/raw/benchmarks/examples;
`examples` names another file, such as the benchmark's own training set.
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
from evobuild.evaluation.benchmark import (
    Benchmark,
    Item,
    ModelRequest,
    Settings,
    collect_items,
    raw_prompt,
    user_chat,
)
from evobuild.seeds.fields import Record
from evobuild.seeds.records import read_records

OURS = "data/raw/benchmarks/examples"


class FewShot(Settings):
    """prompt: see above. shots: examples before an item; null: 0 in a chat, else the usual number.

    examples: a file of worked examples, '' for ours; its first ones are used.
    """

    prompt: Literal["chat", "completion"] = "chat"
    shots: FewOrNone | None = None
    examples: str = ""


S = TypeVar("S", bound=FewShot)


class FewShotBenchmark(Benchmark[S]):
    """Ask one turn: the problem, after its examples. prompts: templates of a chat's turn and of a completion.

    usual_shots: of a completion. stop: beginnings of the next problem, where a completion ends.
    """

    usual_shots: ClassVar[int]
    stop: ClassVar[tuple[str, ...]]

    @abstractmethod
    def read_item(self, record: Record, place: str, number: int) -> Item:
        """Parse one record, number from 0. Raises BadInput naming location and field of an invalid one."""

    @abstractmethod
    def worked_answer(self, item: Item) -> str:
        """Return the worked answer of an example, in the form that the model is to write."""

    def template_values(self, item: Item) -> dict[str, Any]:
        """Return the values that an item gives to the templates."""
        return dict(item.content)

    @property
    def kind(self) -> str:
        """Return the benchmark's own name, whatever its entry is called."""
        return self.settings.benchmark or self.name

    @property
    def shots(self) -> int:
        """Return the number of examples before an item."""
        usual = 0 if self.settings.prompt == "chat" else self.usual_shots
        return usual if self.settings.shots is None else self.settings.shots

    @property
    def examples_file(self) -> str:
        """Return the file of worked examples."""
        return self.settings.examples or f"{OURS}/{self.kind}.jsonl"

    @property
    def files(self) -> tuple[str, ...]:
        """Return the file of items and, if any are shown, that of examples."""
        return (self.items_file, self.examples_file) if self.shots else (self.items_file,)

    def read_items(self) -> list[Item]:
        """Read all items, in file order. Raises BadInput naming location and field of an invalid one."""
        return collect_items(self._read_records(self.items_file), self.items_file)

    def _read_records(self, file: str) -> list[tuple[str, Item]]:
        records = enumerate(read_records(Path(file)))
        return [(place, self.read_item(record, place, number)) for number, (place, record) in records]

    @cached_property
    def examples(self) -> list[Item]:
        """Return the examples to show. Raises BadInput if the file holds fewer."""
        found = (
            [item for _, item in self._read_records(self.examples_file)][: self.shots] if self.shots else []
        )
        if len(found) < self.shots:
            raise BadInput(
                f"{self.examples_file}: holds {len(found)} examples, and shots of {self.name} is "
                f"{self.shots}; give a file with more, or fewer shots"
            )
        return found

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Ask for the solution, once."""
        if replies:
            return ()
        return (ModelRequest(self._messages(item), self._sampling()),)

    def _sampling(self) -> Any:
        stop = self.stop if self.settings.prompt == "completion" else ()
        return self.settings.sampling(self.seed, stop=stop)

    def _messages(self, item: Item) -> tuple[Message, ...]:
        chat, completion = self.prompts
        if self.settings.prompt == "completion":
            examples = [
                {**self.template_values(each), "worked": self.worked_answer(each)} for each in self.examples
            ]
            return raw_prompt(render_prompt(completion, examples=examples, **self.template_values(item)))
        turns: list[Message] = []
        for each in self.examples:
            turns += user_chat(render_prompt(chat, **self.template_values(each)))
            turns.append(Message("assistant", self.worked_answer(each)))
        return (*turns, *user_chat(render_prompt(chat, **self.template_values(item))))

    def reply_text(self, reply: Reply) -> str:
        """Return the part of a reply to score: a completion ends where the next problem begins."""
        text = reply.text
        if self.settings.prompt == "completion":
            for stop in self.stop:
                text = text.partition(stop)[0]
        return text


def find_record_id(record: Record, fields: Sequence[str], number: int) -> str:
    """Return the id of a record: the first of the fields that it has, else its number in the file, from 0."""
    found = (record[field] for field in fields if isinstance(record.get(field), str | int))
    return str(next(found, number))
