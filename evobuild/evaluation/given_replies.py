"""Replace the model and the judge by replies and judgments that were written elsewhere.

A file has one record per item: its id, and `reply`, a text or the list of all turns or samples, in the order
of the benchmark's requests. null is an empty text, which no scorer accepts. An item without a record stays
unanswered. A record of an unknown item, a second record of an item, and a wrong number of replies are errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evobuild.core.chat import Choice, Reply, Request
from evobuild.core.errors import BadInput, UserError
from evobuild.core.suggestions import suggest
from evobuild.evaluation.benchmark import Benchmark, Item
from evobuild.models.reasoning import with_answer_alone
from evobuild.seeds.fields import Record, field_kind, format_fields, json_kind
from evobuild.seeds.records import read_records

ID_FIELDS = ("id", "task_id", "unique_id", "key", "question_id", "example_id")
"""Fields that may hold the id of a reply: ours, and those of the benchmarks' own files."""
REPLY = "reply"
NO_REPLY = "no reply was given"


class ItemReplies(NamedTuple):
    """The replies to an item. place: location of their record. verdict: the published verdict, unparsed."""

    place: str
    texts: tuple[str, ...]
    verdict: Any = None


def read_replies(
    path: Path, ids: Sequence[str] = ID_FIELDS, field: str = REPLY, verdict: str | None = None
) -> Iterator[tuple[str, ItemReplies]]:
    """Read a file of replies, each with its id, from the first of the fields that its record has.

    verdict: the field of the published verdict.

    Raises BadInput for a record without id, reply or verdict.
    """
    for place, record in read_records(path):
        if verdict is not None and verdict not in record:
            raise BadInput(f"{place}: '{verdict}' is missing; expected a verdict, or leave --verdict out")
        published = record[verdict] if verdict else None
        yield _read_id(record, ids, place), ItemReplies(place, _read_texts(record, field, place), published)


def _read_id(record: Record, ids: Sequence[str], place: str) -> str:
    found = next((record[name] for name in ids if record.get(name) is not None), None)
    if isinstance(found, str | int) and not isinstance(found, bool):
        return str(found)
    found_instead = format_fields(record) if found is None else json_kind(found)
    raise BadInput(f"{place}: no id in {' or '.join(ids)}, but {found_instead}; expected that of an item")


def _read_texts(record: Record, field: str, place: str) -> tuple[str, ...]:
    found = record.get(field)
    values = found if isinstance(found, list) else [found]
    texts = tuple(each or "" for each in values if isinstance(each, str | None))
    if field in record and texts and len(texts) == len(values):
        return texts
    kind = field_kind(record, field)
    raise BadInput(f"{place}: '{field}' is {kind}; expected text, or a list of texts: turns or samples")


def likelihoods_error(benchmark: Benchmark[Any]) -> UserError:
    """Build the error for a benchmark that replies cannot score."""
    return UserError(
        f"{benchmark.name} is scored by the likelihoods that a model gives to answers, which replies lack; "
        "evaluate the model itself"
    )


class GivenReplies:
    """Answer a benchmark's requests with given replies, by item id."""

    def __init__(self, benchmark: Benchmark[Any], replies: Mapping[str, ItemReplies]) -> None:
        self._benchmark, self._replies = benchmark, replies
        self._used = dict.fromkeys(replies, 0)

    def generate(self, requests: Iterable[Request], /) -> Iterator[Reply]:
        """Yield the next replies of each request's item. Raises UserError if a request needs likelihoods."""
        for request in requests:
            if request.continuation is not None:
                raise likelihoods_error(self._benchmark)
            yield self._reply(request)

    def _reply(self, request: Request) -> Reply:
        item = request.key.removeprefix(f"{self._benchmark.name}/").rpartition("/")[0]
        if (given := self._replies.get(item)) is None:
            return Reply(request.key, (), 0, NO_REPLY)
        begin = self._used[item]
        self._used[item] = end = begin + request.sampling.n
        if end > len(given.texts):
            raise BadInput(
                f"{given.place}: {len(given.texts)} replies to the item {item!r}; {self._benchmark.name} "
                f"asks for {end} or more with these settings"
            )
        choices = tuple(Choice(text, "stop", 0) for text in given.texts[begin:end])
        return with_answer_alone(Reply(request.key, choices, 0))

    def refuse_unused(self) -> None:
        """Raise BadInput if an answered item has more replies than requests."""
        for item, given in self._replies.items():
            if 0 < self._used[item] < len(given.texts):
                count = len(given.texts)
                raise BadInput(
                    f"{given.place}: {count} replies to the item {item!r}; {self._benchmark.name} asks for "
                    f"{self._used[item]} with these settings; for samples add -S samples={count}"
                )


def match_items(
    benchmark: Benchmark[Any], replies: Iterable[tuple[str, ItemReplies]], field: str | None = None
) -> dict[str, ItemReplies]:
    """Map item ids to their replies. field: item field that identifies replies, if not the id.

    Raises BadInput for a reply of an unknown item, or a second reply to an item.
    """
    items = {_reply_name(item, field): item.id for item in benchmark.read_items()}
    found: dict[str, ItemReplies] = {}
    for identity, given in replies:
        if identity not in items:
            raise BadInput(
                f"{given.place}: unknown item {identity[:80]!r} of {benchmark.items_file}; "
                f"{suggest(identity, items)}"
            )
        if items[identity] in found:
            first = found[items[identity]].place
            raise BadInput(
                f"{given.place}: the item {identity[:80]!r} has a reply in {first} already; expected one "
                "record, with a list where it has several"
            )
        found[items[identity]] = given
    return found


def _reply_name(item: Item, field: str | None) -> str:
    value = item.content.get(field) if field else None
    return str(value) if isinstance(value, str | int) else item.id


class GivenJudgments:
    """Answer the judge's questions with given replies, by key; questions without one stay unparsed."""

    def __init__(self, judgments: Mapping[str, ItemReplies]) -> None:
        self._judgments, self._asked = judgments, set[str]()

    def generate(self, requests: Iterable[Request], /) -> Iterator[Reply]:
        """Yield the given judgment of each question."""
        for request in requests:
            self._asked.add(request.key)
            given = self._judgments.get(request.key)
            choices = (Choice(given.texts[0], "stop", 0),) if given else ()
            yield with_answer_alone(Reply(request.key, choices, 0, None if given else NO_REPLY))

    def refuse_unused(self) -> None:
        """Raise BadInput if there is a judgment of a question that was not asked."""
        for key, given in self._judgments.items():
            if key not in self._asked:
                asked = f"those asked are such as {min(self._asked)!r}" if self._asked else "none was asked"
                raise BadInput(f"{given.place}: the judge was not asked {key[:80]!r}; {asked}")
