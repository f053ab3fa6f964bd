"""Evaluate IFEval: prompts with instructions that code can verify, strictly and loosely.

A reply follows an instruction strictly if it passes the check unchanged, and loosely if any of eight forms of
it does: without its first line, its last or both, and each with or without its asterisks. A prompt counts if
all of its instructions do. A blank reply follows no instruction.

Items: the official input_data.jsonl, or google/IFEval of the hub: key, prompt, instruction_id_list, kwargs.
Source: Zhou et al. 2023, arXiv:2311.07911.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from evobuild.core.chat import Reply
from evobuild.core.errors import BadInput
from evobuild.evaluation.benchmark import (
    Answer,
    Benchmark,
    Check,
    Item,
    ModelRequest,
    Scored,
    Settings,
    Tools,
    average_check,
    collect_items,
    require_text,
    user_chat,
)
from evobuild.evaluation.benchmarks.ifeval.instructions import (
    LANGUAGE_KINDS,
    PUNKT_KINDS,
    Instruction,
    read_instructions,
)
from evobuild.evaluation.benchmarks.ifeval.language import list_languages, require_punkt
from evobuild.seeds.fields import Record, json_kind
from evobuild.seeds.records import read_records

STRICT, LOOSE = "strict", "loose"


class Verdict(NamedTuple):
    """Whether a reply follows an instruction, strictly and loosely."""

    strict: bool
    loose: bool


def check_reply(instructions: Sequence[Instruction], reply: str) -> list[Verdict]:
    """Check a reply against each instruction. Raises UserError if Punkt's model is needed and missing."""
    forms = reply_forms(reply)
    found = []
    for instruction in instructions:
        strict = bool(forms) and instruction.holds(forms[0])
        found.append(Verdict(strict, strict or any(map(instruction.holds, forms[1:]))))
    return found


def reply_forms(reply: str) -> list[str]:
    """Return the forms of a reply to check, itself first, without blank and duplicate ones."""
    lines = reply.split("\n")
    cut = [reply, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    every = dict.fromkeys([*cut, *(form.replace("*", "") for form in cut)])
    return [form for form in every if form.strip()]


class IFEval(Benchmark[Settings]):
    """Check verifiable instructions; the score is 1 if a reply follows all of its prompt's strictly."""

    libraries = ("langdetect", "nltk")
    headline = "prompt_strict"

    def read_items(self) -> list[Item]:
        """Read the items. Raises UserError if one needs a missing library, or Punkt's missing model."""
        items = self._items()
        kinds = _kinds(items)
        if kinds & LANGUAGE_KINDS:
            list_languages()
        if kinds & PUNKT_KINDS:
            require_punkt()
        return items

    def list_libraries(self) -> tuple[str, ...]:
        """Return the libraries that its items need; all if the items are missing or invalid."""
        if not Path(self.items_file).is_file():
            return self.libraries
        try:
            kinds = _kinds(self._items())
        except BadInput:
            # The stage evaluate reports what is wrong with the items.
            return self.libraries
        by_library = {"langdetect": LANGUAGE_KINDS, "nltk": PUNKT_KINDS}
        return tuple(library for library in self.libraries if kinds & by_library[library])

    def _items(self) -> list[Item]:
        file = Path(self.items_file)
        return collect_items(
            ((place, _item(record, place)) for place, record in read_records(file)), str(file)
        )

    def next_requests(self, item: Item, replies: Sequence[Reply]) -> Sequence[ModelRequest]:
        """Return one request: the prompt."""
        return (
            ()
            if replies
            else (ModelRequest(user_chat(item.content["prompt"]), self.settings.sampling(self.seed)),)
        )

    def score_items(self, answers: Sequence[Answer], tools: Tools) -> Iterator[Scored]:
        """Check every instruction, strictly and loosely."""
        for item, _, replies in answers:
            reply = replies[0].text
            verdicts = check_reply(item.content["instructions"], reply)
            names = _check_names(item.content["instructions"])
            checks = [
                Check(f"{mode}/{name}", float(getattr(verdict, mode)))
                for mode in (STRICT, LOOSE)
                for name, verdict in zip(names, verdicts, strict=True)
            ]
            loose = Check(LOOSE, float(all(verdict.loose for verdict in verdicts)))
            score = float(all(verdict.strict for verdict in verdicts))
            yield Scored(item, item.content["prompt"], reply, score, (loose, *checks))

    def compute_metrics(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """Compute the shares of prompts and of instructions that are followed, strictly and loosely."""
        return super().compute_metrics(rows) | {
            "prompt_loose": average_check(rows, LOOSE),
            "instruction_strict": _instruction_share(rows, STRICT),
            "instruction_loose": _instruction_share(rows, LOOSE),
        }


def _kinds(items: Iterable[Item]) -> set[str]:
    return {each.kind for item in items for each in item.content["instructions"]}


def _item(record: Record, place: str) -> Item:
    key = record.get("key")
    if isinstance(key, bool) or not isinstance(key, int | str) or not str(key).strip():
        found = "missing" if key is None else json_kind(key)
        raise BadInput(f"{place}: 'key' is {found}; expected a number or text")
    prompt = require_text(record, "prompt", place)
    return Item(str(key), "", {"prompt": prompt, "instructions": read_instructions(record, place)})


def _check_names(instructions: Sequence[Instruction]) -> list[str]:
    """Return the kinds; repeated ones are numbered from 2: `length_constraints:number_words#2`."""
    seen: Counter[str] = Counter()
    names = []
    for kind, _ in instructions:
        seen[kind] += 1
        names.append(kind if seen[kind] == 1 else f"{kind}#{seen[kind]}")
    return names


def _instruction_share(rows: pl.DataFrame, mode: str) -> pl.DataFrame:
    """Compute followed instructions over instructions, by item."""
    checks = rows.select(unit="item", check="checks").explode("check").unnest("check")
    return (
        checks.filter(pl.col("name").str.starts_with(f"{mode}/"))
        .group_by("unit")
        .agg(total=pl.col("value").sum(), weight=pl.len().cast(pl.Float64))
        .sort("unit")
    )
