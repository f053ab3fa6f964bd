"""The stage select on 10,000,000 scored rows, without and with the search for near-duplicates.

    EVOBUILD_BENCH_ROWS=10000000 python benchmarks/scale.py select

Three pools of rows of three sentences of Alpaca's, each with figures drawn at random. A fifth of the rows are
another one shortened, by any share of its words, so that pairs are alike to every degree. How many near
pairs are found is counted against an exact join of a sample of 100,000 rows.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import scale_rows
from figures import Figures
from selection import FOLDERS, OFF, select

from evobuild.core import table_parts, tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.measures import measure_of
from evobuild.text import minhash

ROWS = int(os.environ.get("EVOBUILD_BENCH_ROWS", "10000000"))
POOLS = ("r1", "r2", "r3")
SAMPLE = min(100_000, ROWS)
NEAR = 0.7
FILTERS = {"max_ifd": 1.1, "ranges": {"difficulty": [5, None]}, "min_words": None, "max_words": None}
GIVEN = {"by": {"ic_ifd": 1, "difficulty": 0.5}, "per_domain": True, "filters": FILTERS | {"languages": []}}


def run(figures: Figures) -> None:
    """Write the tables, and select of them."""
    folder = Path(tempfile.mkdtemp(prefix="evobuild-scale-"))
    try:
        write_tables(folder)
        near = {"exact": True, "near": None, "embedding": None}
        seconds, peak = select(folder, list(POOLS), GIVEN | {"deduplicate": near})
        told(folder)
        figures.at_most(f"select on {ROWS:,} rows", seconds, 200, "s")
        figures.at_most(f"select on {ROWS:,} rows, peak memory", peak, 4, "GB")
        forget(folder)
        minutes, peak = select(folder, list(POOLS), GIVEN | {"deduplicate": near | {"near": NEAR}})
        told(folder)
        figures.at_most(f"near duplicates of {ROWS:,} rows, whole stage", minutes / 60, 45, "min")
        figures.at_most(f"near duplicates of {ROWS:,} rows, peak memory", peak, 6, "GB")
        figures.at_least(f"near pairs at {NEAR} that are found", recall(folder), 0.99, "of them")
    finally:
        shutil.rmtree(folder)


def told(folder: Path) -> None:
    """Say what became of the rows."""
    print((folder / "counts.json").read_text(), flush=True)


def forget(folder: Path) -> None:
    """Remove what select wrote."""
    for name in ("dataset.parquet", "rejects.parquet"):
        out = folder / name
        shutil.rmtree(out) if out.is_dir() else out.unlink()


def write_tables(folder: Path) -> None:
    """Write the tables that select reads, in parts if they are large."""
    sentences = sentences_of(scale_rows.many_rows(52_000))
    draw = np.random.default_rng(0)
    for name in (*FOLDERS, *OFF, "contamination"):
        (folder / name).mkdir(parents=True)
    tables.write(folder / "contamination" / "held_out.parquet", pl.DataFrame(schema=CONTAMINATION))
    for pool in POOLS:
        for measure, schema in OFF.items():
            tables.write(folder / measure / f"{pool}.parquet", pl.DataFrame(schema=schema))
        for name in FOLDERS:
            (folder / name / f"{pool}.parquet").mkdir()
        for start in table_parts.STARTS:
            rows = made_up(draw, start, pool, sentences, ROWS // len(POOLS) // len(table_parts.STARTS))
            for name, table in build_measured_rows(draw, rows).items():
                table.write_parquet(folder / name / f"{pool}.parquet" / f"{start}.parquet")


def sentences_of(rows: Iterable[Instruction]) -> pl.Series:
    """The sentences of rows that are neither short nor long."""
    texts = pl.Series([f"{row.instruction} {row.input} {row.output}" for row in rows])
    sentences = texts.str.replace_all(r"\s+", " ").str.split(". ").explode()
    return sentences.filter(sentences.str.len_chars().is_between(20, 200))


def made_up(
    draw: np.random.Generator, start: str, pool: str, sentences: pl.Series, count: int
) -> pl.DataFrame:
    """Rows whose ids begin with two digits, sorted."""
    digits = draw.integers(0, 1 << 62, count)
    ids = pl.Series([f"{start}{number:018x}" for number in digits])
    three = (sentences.gather(draw.integers(0, sentences.len(), count)) for _ in range(3))
    asked = pl.select(pl.concat_str(*(pl.lit(each) for each in three), separator=". ")).to_series()
    like, share = draw.integers(0, count, count), draw.random(count)
    words = asked.gather(like).str.split(" ")
    kept = (words.list.len() * pl.Series(share)).ceil().cast(pl.Int64)
    table = pl.DataFrame(
        {"id": ids, "asked": asked, "words": words, "kept": kept, "is": draw.random(count) < 0.2}
    )
    shorter = pl.col("words").list.head(pl.col("kept")).list.join(" ")
    text = pl.when("is").then(shorter).otherwise("asked")
    columns = {name: pl.lit("") for name, kind in INSTRUCTIONS.items() if kind == pl.String}
    columns |= {
        "id": pl.col("id"),
        "content_id": text.hash(0).cast(pl.String).str.zfill(20),
        "seed_id": pl.col("id"),
        "round": pl.lit(pool),
        "domain": pl.Series([("chat", "math", "code")[place % 3] for place in range(count)]),
        "history": pl.lit([], dtype=INSTRUCTIONS["history"]),
        "instruction": text,
        "output": pl.col("asked"),
        "seed_place": pl.int_range(count),
    }
    return table.select(**columns).select(*INSTRUCTIONS).unique("id").sort("id")


def build_measured_rows(draw: np.random.Generator, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables of some rows, by folder."""
    count = rows.height
    figures = {
        column: draw.integers(5, 90, count) if kind == pl.Int64 else draw.random(count) * 1.2
        for column, kind in measure_of("score").schema.items()
        if kind.is_numeric()
    }
    scores = pl.DataFrame({"id": rows["id"], "truncated": [False] * count, **figures})
    ratings = {"id": rows["id"], "level": ["hard"] * count, "score": draw.integers(0, 100, count)}
    return {
        "rounds": rows.with_columns(output=pl.lit("")),
        "responses": rows,
        "measures/scores": scores.match_to_schema(measure_of("score").schema),
        "measures/ratings": pl.DataFrame(ratings, measure_of("rate").schema, strict=False),
    }


def recall(folder: Path) -> float:
    """Compute the share of near pairs, found by an exact join, that share a group, in a sample of r1."""
    files = sorted((folder / "responses/r1.parquet").iterdir())
    texts = pl.scan_parquet(files).head(SAMPLE).select("instruction").collect()["instruction"].to_list()
    began = time.monotonic()
    groups = minhash.group_near_duplicates(texts, NEAR, 42)
    took = time.monotonic() - began
    pairs = exact_pairs([minhash.word_pairs(text) for text in texts], NEAR)
    found = sum(int(groups[one] == groups[other]) for one, other in pairs)
    print(
        f"{len(texts):,} rows: {len(pairs):,} pairs of {NEAR} and more, {found:,} found; "
        f"{len(texts) / took:,.0f} rows/s",
        flush=True,
    )
    return found / len(pairs)


def exact_pairs(sets: list[set[str]], threshold: float) -> list[tuple[int, int]]:
    """All pairs of sets of a Jaccard similarity of at least a threshold, by joining their rarest members.

    Two such sets share one of the first n - ceil(threshold · n) + 1 members of either in any one order.
    """
    counts = Counter(member for each in sets for member in each)
    held: defaultdict[str, list[int]] = defaultdict(list)
    found = []
    for place, own in enumerate(sets):
        rarest = sorted(own, key=lambda member: (counts[member], member))
        prefix = rarest[: len(own) - math.ceil(threshold * len(own)) + 1]
        for other in {other for member in prefix for other in held[member]}:
            shared = len(own & sets[other])
            if shared >= threshold * (len(own) + len(sets[other]) - shared):
                found.append((other, place))
        for member in prefix:
            held[member].append(place)
    return found
