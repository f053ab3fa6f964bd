"""Read MT-Bench's files: questions, and answers for references and baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evobuild.core.errors import BadInput
from evobuild.evaluation.benchmark import MAX_TURNS, Item, collect_items, require_text
from evobuild.seeds.fields import Record, json_kind
from evobuild.seeds.records import read_records


def read_questions(file: Path) -> list[Item]:
    """Read the questions, with turns, references and baseline, each a tuple of texts.

    References may be empty, or '' for some turns; baselines are empty here, see `add_answers`.

    Raises BadInput naming location and field of an invalid question.
    """
    places = ((place, _item(record, place)) for place, record in read_records(file))
    return collect_items(places, str(file))


def add_answers(items: Sequence[Item], needed: Iterable[Item], field: str, file: str) -> list[Item]:
    """Add the answers of a file to items, as a content field. Raises BadInput if a needed one is missing."""
    answers = _read_answers(Path(file))
    for item in needed:
        turns, given = item.content["turns"], answers.get(item.id)
        if given is None or len(given) != len(turns):
            found = "no answer" if given is None else f"{len(given)} answers"
            raise BadInput(
                f"{file}: {found} to the question {item.id!r}; expected one to each of {len(turns)} turns"
            )
    return [replace(item, content={**item.content, field: answers.get(item.id, ())}) for item in items]


def _item(record: Record, place: str) -> Item:
    identity = _identity(record, ("question_id", "prompt_id"), place)
    field = "turns" if "turns" in record else "prompt"
    turns = _texts(record, field, place)
    if blank := [number for number, turn in enumerate(turns, 1) if not turn.strip()]:
        raise BadInput(f"{place}: '{field}' is empty at turn {blank[0]}; expected text")
    if len(turns) > MAX_TURNS:
        raise BadInput(f"{place}: {len(turns)} turns; expected at most {MAX_TURNS}")
    references = _texts(record, "reference", place) if record.get("reference") else ()
    if references and len(references) != len(turns):
        raise BadInput(
            f"{place}: {len(references)} reference answers to {len(turns)} turns; expected as many"
        )
    content = {"turns": turns, "references": references, "baseline": ()}
    return Item(identity, require_text(record, "category", place), content)


def _identity(record: Record, fields: Sequence[str], place: str) -> str:
    field = next((field for field in fields if field in record), fields[0])
    value = record.get(field)
    if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
        return str(value)
    found = json_kind(value) if field in record else "missing"
    raise BadInput(f"{place}: '{field}' is {found}; expected a number or text")


def _texts(record: Record, field: str, place: str) -> tuple[str, ...]:
    value = record.get(field)
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return tuple(value)
    found = json_kind(value) if field in record else "missing"
    raise BadInput(f"{place}: '{field}' is {found}; expected a list of texts, one for each turn")


def _read_answers(file: Path) -> Mapping[str, tuple[str, ...]]:
    """Read FastChat's answers: the turns of the first choice, by question."""
    found: dict[str, tuple[str, ...]] = {}
    for place, record in read_records(file):
        choices = record.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        turns = first.get("turns") if isinstance(first, dict) else None
        if not (isinstance(turns, list) and turns and all(isinstance(turn, str) for turn in turns)):
            raise BadInput(
                f"{place}: no answers in choices[0].turns; expected a list of texts, one for each turn"
            )
        found[_identity(record, ("question_id",), place)] = tuple(turns)
    return found
