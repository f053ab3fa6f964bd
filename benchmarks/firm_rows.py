"""Whether the simulated model replies to every row there is, whatever it does with it.

    python benchmarks/firm.py rows

Each row of each file of EVOBUILD_REAL_DATA, a folder of public data sets, or without it of data/raw, goes
into every prompt that rows go into. The reply is drawn once for each row and prompt; for rows with odd white
space or characters, and for some others, every kind of reply and of failure is taken in turn.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

from figures import Figures

from evobuild import simulation
from evobuild.contamination.evaluation_sets import read_evaluation_set
from evobuild.core.chat import Message, Purpose, Request, Sampling
from evobuild.core.errors import BadInput
from evobuild.core.prompts import render_prompt
from evobuild.seeds.formats import read_seed_rows
from evobuild.simulation.rng import Rng

ROOT = Path(__file__).parent.parent
ODD = re.compile(
    r"^[^\S\n]+$|[\x00-\x08\x0b-\x1f\x7f-\xa0\u2000-\u200f\u2028-\u202f\u3000\ufeff]|\A\W+\Z", re.MULTILINE
)
EVERY = 200
"""Of the other rows, one in this number also gets every kind of reply."""
KINDS = 16
"""More than any table of kinds has."""
Row = tuple[str, str, str]


def run(figures: Figures) -> None:
    """Take the figures."""
    folder = Path(os.environ.get("EVOBUILD_REAL_DATA") or ROOT / "data/raw")
    os.chdir(ROOT)
    failures: Counter[str] = Counter()
    rows = replies = 0
    for number, row in enumerate(dict.fromkeys(read_rows(folder))):
        rows += 1
        thorough = number % EVERY == 0 or any(map(ODD.search, row))
        for purpose, prompt in prompts(row, number):
            for kind in (None, *(range(KINDS) if thorough else ())):
                replies += 1
                if failed := failure(("small", "large")[(number + (kind or 0)) % 2], purpose, prompt, kind):
                    failures[f"{purpose}: {failed}"] += 1
    for failed, count in failures.most_common(20):
        print(f"{count:,} times {failed}")
    print(f"{replies:,} replies")
    figures.at_least("rows: read", rows, 140, "rows")
    figures.at_most("rows: replies that end in an exception", failures.total(), 0, "replies")


def read_rows(folder: Path) -> Iterator[Row]:
    """The rows of all files that hold instructions or questions: instruction, input, output."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            for row in read_seed_rows(file):
                yield row.instruction, row.input, row.output
        except BadInput:
            try:
                for each in read_evaluation_set(file):
                    yield "\n".join(each.asked), "", "\n".join(each.answers)
            except BadInput:
                print(f"holds no rows: {file.name}")


def prompts(row: Row, number: int) -> Iterator[tuple[Purpose, str]]:
    """Every prompt that a row goes into, of each purpose."""
    instruction, context, output = row
    given: Mapping[str, object] = {"instruction": instruction, "input": context, "history": []}
    operations = ("constraints", "deepening", "concretizing", "reasoning", "complicate_input", "breadth")
    # One operation per row: their prompts differ before the row's text.
    yield "evolve", render_prompt(f"evolve/{operations[number % len(operations)]}.jinja", **given)
    yield "evolve", render_prompt("evolve/e0.jinja").replace("{instruction}", instruction)
    yield "respond", render_prompt("respond/answer.jinja", **given, strategy="evol")
    yield "respond", render_prompt("respond/paper.jinja", **given, strategy="evol")
    yield "respond", f"Use exactly 3 sentences.\n\n{instruction}"
    yield "rate_level", render_prompt("judge/difficulty_level.jinja", **given)
    yield "rate_score", render_prompt("judge/difficulty_score.jinja", **given)
    yield "tag", render_prompt("judge/tags.jinja", **given)
    yield (
        "quality",
        render_prompt("judge/quality.jinja", instruction=instruction, input=context, answer=output),
    )
    pair = {
        "first": {"instruction": instruction, "input": context},
        "second": {"instruction": output, "input": ""},
    }
    yield "equal", render_prompt("judge/equal.jinja", history=[], **pair)
    yield "keywords", render_prompt("judge/method_keyword.jinja", method=instruction)
    stages = [instruction, output, context]
    yield (
        "analyse",
        render_prompt("optimize/analyse.jinja", cases=[{"number": 1, "history": [], "stages": stages}]),
    )
    yield "improve", render_prompt("optimize/improve.jinja", feedback=output, method=instruction)
    yield "augment", render_prompt("autoif/augment.jinja", examples=[instruction], count=3)
    yield "verifier", render_prompt("autoif/verifier.jinja", constraint=instruction)
    yield "backtranslate", render_prompt("autoif/backtranslate.jinja", code=output)


def failure(model: str, purpose: Purpose, prompt: str, kind: int | None) -> str:
    """What a reply ends with, '' if it comes. kind: the place of each draw's kind; None: by chance."""
    request = Request("key", purpose, (Message("user", prompt),), Sampling(temperature=0.7, seed=1))

    def pick(_: Rng, rates: Mapping[str, float]) -> str:
        return ["", *rates][(kind or 0) % (len(rates) + 1)]

    try:
        with nullcontext() if kind is None else mock.patch.object(Rng, "kind", pick):
            simulation.answer(model, request)
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"
    return ""
