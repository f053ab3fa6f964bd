"""Read the items of FollowBench: each level's instruction with those of the levels below.

The records of an example are consecutive, level by level. Level 0 is the original instruction, which may be
empty and is never evaluated; each level adds a constraint. The family of an example is the category of its
first record, because later records of the family `mixed` name the added constraint. The family `example` has
no level 0.

Items are in a file, or in a folder with the official `<family>_constraints.json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evobuild.core.errors import BadInput
from evobuild.core.suggestions import unknown_name
from evobuild.evaluation.benchmark import Item, collect_items, require_text
from evobuild.evaluation.benchmarks.followbench.rules import check_target, find_rule
from evobuild.seeds.fields import Record, json_kind, text_field
from evobuild.seeds.records import read_records

FAMILIES = ("content", "situation", "style", "format", "example", "mixed")
FORMER = {"scenario": "situation"}
"""Current name of a family by its name in the repository's first version."""
LEVELS = 5
FILES = "*_constraints.json"
"""Pattern of the files in the repository's folder."""


class Level(NamedTuple):
    """One record. example: id of its example."""

    place: str
    example: str
    category: str
    source: str
    level: int
    instruction: str
    target: str


def item_files(place: str) -> tuple[str, ...]:
    """Return the named file, or the files of a folder, in order."""
    folder = Path(place)
    return tuple(map(str, sorted(folder.glob(FILES)))) if folder.is_dir() else (place,)


def read_items(place: str) -> list[Item]:
    """Read the items of levels 1 to 5. Raises BadInput naming location and field of an invalid one."""
    if not (files := item_files(place)):
        raise BadInput(f"{place}: is a folder without {FILES}; expected the official files, or one file")
    examples = (example for file in files for example in _examples(file))
    return collect_items((pair for example in examples for pair in _items(example)), place)


def _examples(file: str) -> Iterator[list[Level]]:
    """Group records by example: consecutive ones with the same id and rising levels."""
    found: list[Level] = []
    for place, record in read_records(Path(file)):
        level = _level(record, place)
        if found and (level.example != found[-1].example or level.level <= found[-1].level):
            yield found
            found = []
        found.append(level)
    yield found


def _items(example: list[Level]) -> Iterator[tuple[str, Item]]:
    """Yield the items of one example with their locations."""
    family = _family(example)
    below = [""] if example[0].level else []
    for expected, level in enumerate(example, len(below)):
        if level.level != expected:
            raise BadInput(
                f"{level.place}: 'level' is {level.level}, but example {level.example} lacks level "
                f"{expected} before it; expected all levels from 0 or 1, in order"
            )
        below.append(level.instruction)
        if level.level:
            yield level.place, _item(level, family, tuple(below))


def _family(example: list[Level]) -> str:
    first = example[0]
    mixed = first.level > 0 and len({level.category for level in example}) > 1
    family = "mixed" if mixed else FORMER.get(first.category, first.category)
    if family not in FAMILIES:
        raise BadInput(f"{first.place}: {unknown_name('category', family, FAMILIES)}")
    return family


def _item(level: Level, family: str, instructions: tuple[str, ...]) -> Item:
    rule = find_rule(family, level.source, level.example)
    check_target(rule, level.target, level.place)
    content = {
        "level": level.level,
        "instruction": level.instruction,
        "instructions": instructions,
        "rule": rule,
        "target": level.target,
    }
    return Item(f"{family}/{level.example}/{level.level}", family, content)


def _level(record: Record, place: str) -> Level:
    number, example = record.get("level"), record.get("example_id")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= LEVELS:
        raise BadInput(f"{place}: 'level' is {_describe_value(number)}; expected a number from 0 to {LEVELS}")
    if isinstance(example, bool) or not isinstance(example, int | str) or not str(example).strip():
        raise BadInput(f"{place}: 'example_id' is {_describe_value(example)}; expected a number or text")
    return Level(
        place,
        str(example),
        require_text(record, "category", place),
        text_field(record, ("source",), place),
        number,
        require_text(record, "instruction", place) if number else text_field(record, ("instruction",), place),
        text_field(record, ("target",), place),
    )


def _describe_value(value: object) -> str:
    if value is None:
        return "missing"
    return str(value) if isinstance(value, int) else json_kind(value)
