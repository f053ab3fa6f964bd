"""Seed data out of a file of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from evobuild.api.result import Result
from evobuild.api.settings import section
from evobuild.seeds import formats
from evobuild.seeds import seed as seeding
from evobuild.seeds.params import Seed


def read_seeds(
    path: str | Path,
    *,
    format: Literal["auto", "alpaca", "gsm8k", "sharegpt", "messages"] = "auto",
    rows: int | None = None,
    seed: int = 42,
    **settings: Any,
) -> Result:
    """Read instructions from a file, as the stage `seed` does; a row for each turn of a user.

    path: .json, .jsonl, .csv or .parquet, of Alpaca, GSM8K, ShareGPT or messages; "auto" tells them apart by
    their fields. rows: drawn of all; None: all. settings: other keys of the section `seed` of params.yaml,
    such as columns={"instruction": "question_text"} or held_out=0.1, of which the rows are then not given;
    here none is held out.

    Rejects are rows without an instruction, repeated ones, and those not drawn.

    Raises UserError naming the line that cannot be read.

    >>> found = read_seeds("data/raw/sample.jsonl", rows=3)
    >>> found.rows.height, sorted(set(found.rejects["reason"]))
    (3, ['exact duplicate', 'not drawn'])
    """
    params = section("seed", Seed, {"held_out": 0.0, "format": format, "rows": rows} | settings)
    sources = formats.read_seed_rows(Path(path), params.format, params.columns or {})
    split = seeding.split_seed_rows(sources, params, seed)
    return Result(split.r0, split.rejects)
