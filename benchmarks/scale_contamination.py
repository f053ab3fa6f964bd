"""The stage `decontaminate` on 10,000,000 rows, a tenth of them the evaluation set.

    EVOBUILD_BENCH_ROWS=10000000 python benchmarks/scale.py contamination

Rows as of `scale_rows`, but a number precedes each text, and a sampled one follows every sixth word,
so that copies share no run of words. A twentieth of the pool's rows are questions. By 13- and 8-grams.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import scale_rows
import yaml
from figures import Figures
from line import measured, stage

from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.json_files import read_json_file
from evobuild.core.table_writer import TableWriter
from evobuild.core.yaml_files import read_yaml

ROWS = int(os.environ.get("EVOBUILD_BENCH_ROWS", "10000000"))
QUESTIONS = ROWS // 10
LEAKED = 20
"""Rows of the pool per question."""
SIX_WORDS = re.compile(r"\w+(?:\W+\w+){5}")


def run(figures: Figures) -> None:
    """Write the tables, and hold the rows against the questions."""
    folder = Path(tempfile.mkdtemp(prefix="evobuild-scale-"))
    try:
        write(folder / "held_out.parquet", islice(rows(), QUESTIONS))
        (folder / "responses").mkdir()
        write(folder / "responses/r0.parquet", pool())
        seconds, peak = hold(folder)
        told = read_json_file(folder / "counts.json")
    finally:
        shutil.rmtree(folder)
    hit = told["pools"]["r0"]["hit"]
    print(
        f"{told['in']:,} rows against {told['questions']:,} questions: {seconds:,.0f} s, "
        f"{told['in'] / seconds:,.0f} rows/s, {peak:.2f} GB; hit: {hit}",
        flush=True,
    )
    leaked = -(-told["in"] // LEAKED)
    figures.at_least("leaked rows that are found", hit["13-gram"]["rows"] / leaked, 1, "of them")
    figures.at_most(f"contamination of {ROWS:,} rows, peak memory", peak, 4, "GB")


def rows() -> Iterator[Instruction]:
    """Rows without end, each of its own words."""
    known = sorted({word for row in scale_rows.many_rows(10_000) for word in row.output.split()})
    for row in scale_rows.many_rows(1 << 62):
        mark = partial(marked, row.seed_place, random.Random(row.seed_place), known)
        instruction, _, _ = row.instruction.rpartition(" (variant ")
        yield row._replace(instruction=mark(instruction), input=mark(row.input), output=mark(row.output))


def marked(number: int, draw: random.Random, known: Sequence[str], text: str) -> str:
    return f"{number} {SIX_WORDS.sub(lambda six: f'{six[0]} {draw.choice(known)}', text)}" if text else ""


def pool() -> Iterator[Instruction]:
    """The rows behind the questions, and copies of questions between them."""
    questions, others = rows(), islice(rows(), QUESTIONS, None)
    for place in range(ROWS - QUESTIONS):
        if place % LEAKED:
            yield next(others)
        else:
            row = next(questions)
            yield row._replace(id=f"{row.id[:-1]}z")


def write(path: Path, rows: Iterable[Instruction]) -> None:
    made = TableWriter(path, INSTRUCTIONS)
    for row in rows:
        made.append(row)
    made.write()


def hold(folder: Path) -> tuple[float, float]:
    """Seconds and peak GB of the stage."""
    params = read_yaml(scale_rows.ROOT / "params.yaml") | {"pools": {"r0": {}}}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    command = stage(
        "decontaminate",
        evaluation=folder / "held_out.parquet",
        responses=folder / "responses",
        contamination=folder / "hits.parquet",
        counts=folder / "counts.json",
        params=folder / "params.yaml",
    )
    return measured([*command, "--name", "held_out"], scale_rows.ROOT)
