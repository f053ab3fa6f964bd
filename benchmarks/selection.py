"""What choosing rows costs, against what is promised.

    EVOBUILD_REAL_DATA=<folder> python benchmarks/selection.py [PART...]

All parts unless some are named, some five minutes on two cores. Prints each figure as it comes and, last, one
JSON object: figure -> {"value", "must", "holds"}; a part that cannot be taken has no entry and is named. Each
figure is of the whole stage in a process of its own, reading and writing included.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from figures import Figures, of_parts
from line import ROOT, measured, stage

from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.instructions import INSTRUCTIONS, Instruction, content_id, row_id
from evobuild.core.measures import EMBEDDING, measure_of
from evobuild.core.rejects import REJECTS
from evobuild.core.yaml_files import read_yaml
from evobuild.seeds import formats

PARTS = ("near_duplicates", "select", "diversity", "contamination")
ALPACA = Path("alpaca") / "alpaca_data.json"
FOLDERS = ("rounds", "responses", "measures/scores", "measures/ratings")
OFF = {
    "measures/diversity": measure_of("diversity").schema,
    "measures/rewards": measure_of("reward").schema,
    "measures/tags": measure_of("tag").schema,
    "embeddings": EMBEDDING.schema,
}
"""What was not measured."""
MILLION = 1_000_000
WORDS = np.array([first + last for first in ("ri", "mo", "sta", "ple") for last in ("ver", "ll", "ne", "sh")])


def near_duplicates(figures: Figures, folder: Path) -> None:
    """The stage on Alpaca, all of whose rows are looked through for near-duplicates; nothing is cut."""
    rows = pl.DataFrame(alpaca(), INSTRUCTIONS, orient="row").unique("id")
    write(folder, {"r0": rows})
    given = {"pools": ["r0"], "share": 1.0, "deduplicate": {"exact": True, "near": 0.7, "embedding": None}}
    took, peak = select(folder, ["r0"], given)
    lost = tables.read(folder / "rejects.parquet", REJECTS)["reason"].value_counts()
    print(f"{rows.height:,} rows, lost: {dict(lost.iter_rows())}")
    figures.at_most("near-duplicates of Alpaca, whole stage", took, 60, "s")
    figures.at_most("near-duplicates of Alpaca, peak memory", peak, 2, "GB")


def million(figures: Figures, folder: Path) -> None:
    """The stage on a million scored and rated rows of 40 words with answers of 150, in three pools.

    Filters on IFD and difficulty, exact duplicates, a weighted rank of two metrics, a share of each domain;
    near-duplicates are not looked for.
    """
    pools = ["r1", "r2", "r3"]
    write(folder, {name: made_up(name, MILLION // len(pools)) for name in pools})
    filters = {"max_ifd": 1.1, "ranges": {"difficulty": [5, None]}, "languages": []}
    given = {
        "by": {"ic_ifd": 1, "difficulty": 0.5},
        "per_domain": True,
        "deduplicate": {"exact": True, "near": None, "embedding": None},
        "filters": filters | {"min_words": 3, "max_words": 400},
    }
    took, peak = select(folder, pools, given)
    figures.at_most("select on 1,000,000 scored rows", took, 20, "s")
    figures.at_most("select on 1,000,000 scored rows, peak memory", peak, 3, "GB")


def alpaca() -> list[tuple[Any, ...]]:
    """Alpaca as round r0."""
    found = []
    for row in formats.read_seed_rows(Path(os.environ["EVOBUILD_REAL_DATA"]) / ALPACA):
        content = content_id((), row.instruction, row.input)
        own = row_id("r0", "", content)
        texts = row.instruction, row.input, row.output
        found.append(tuple(Instruction(own, content, own, "", "r0", "chat", (), *texts)))
    return found


def made_up(pool: str, count: int) -> pl.DataFrame:
    """Rows of a pool, whatever they say."""
    draw = np.random.default_rng(0)
    ids = [f"{pool}-{number:017d}" for number in range(count)]
    texts = {
        name: [" ".join(WORDS[draw.integers(0, len(WORDS), words)]) for _ in range(count)]
        for name, words in (("instruction", 40), ("output", 150))
    }
    empty = ("parent_id", "input", "strategy", "operation", "evolver", "responder")
    same = dict.fromkeys(empty, "") | {"round": pool}
    columns = {
        "id": ids,
        "content_id": ids,
        "seed_id": ids,
        "domain": [("chat", "math", "code")[number % 3] for number in range(count)],
        "history": [[]] * count,
        **texts,
        **{name: [value] * count for name, value in same.items()},
    }
    return pl.DataFrame({name: columns[name] for name in INSTRUCTIONS}, INSTRUCTIONS)


def write(folder: Path, pools: dict[str, pl.DataFrame]) -> None:
    """Write the tables that select reads, with figures drawn at random."""
    draw = np.random.default_rng(1)
    for name in (*FOLDERS, *OFF, "contamination"):
        (folder / name).mkdir(parents=True)
    for name, rows in pools.items():
        count, file = rows.height, f"{name}.parquet"
        figures = {
            column: draw.integers(5, 90, count) if kind == pl.Int64 else draw.random(count) * 1.2
            for column, kind in measure_of("score").schema.items()
            if kind.is_numeric()
        }
        scores = pl.DataFrame({"id": rows["id"], "truncated": [False] * count, **figures})
        ratings = {"id": rows["id"], "level": ["hard"] * count, "score": draw.integers(0, 100, count)}
        for measure, schema in OFF.items():
            tables.write(folder / measure / file, pl.DataFrame(schema=schema))
        tables.write(folder / "rounds" / file, rows.with_columns(output=pl.lit("")))
        tables.write(folder / "responses" / file, rows)
        tables.write(folder / "measures/scores" / file, scores.match_to_schema(measure_of("score").schema))
        tables.write(
            folder / "measures/ratings" / file, pl.DataFrame(ratings, measure_of("rate").schema, strict=False)
        )
    tables.write(folder / "contamination" / "held_out.parquet", pl.DataFrame(schema=CONTAMINATION))


def select(folder: Path, pools: list[str], changes: dict[str, Any]) -> tuple[float, float]:
    """Seconds and peak GB of the stage, with some params changed."""
    content = read_yaml(ROOT / "params.yaml")
    content["rounds"] = {name: {"parent": "r0"} for name in pools if name != "r0"}
    content |= {
        "pools": {name: {} for name in pools},
        "select": content["select"] | {"pools": "all"} | changes,
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    outs = {"dataset": "dataset.parquet", "rejects": "rejects.parquet", "counts": "counts.json"}
    read = {
        name: folder / name for name in ("rounds", "responses", "measures", "embeddings", "contamination")
    }
    written = {name: folder / file for name, file in outs.items()}
    return measured(stage("select", **read, **written, params=folder / "params.yaml"), ROOT)


def take(figures: Figures, part: str) -> None:
    """Take the figures of one part."""
    if part in ("diversity", "contamination"):
        importlib.import_module(f"selection_{part}").run(figures)
        return
    if part == "near_duplicates" and "EVOBUILD_REAL_DATA" not in os.environ:
        print("not taken: near_duplicates; EVOBUILD_REAL_DATA is not set")
        return
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        {"near_duplicates": near_duplicates, "select": million}[part](figures, Path(folder))


if __name__ == "__main__":
    of_parts(__doc__, PARTS, take)
