"""The stage `seed` on a file of one's own: named columns, what is lost, and what travels along."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import yaml
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.stage import call_stage
from stages import seed

TREES = ("oak", "elm", "fir", "ash", "yew", "box", "fig", "may")


def test_own_columns_reach_r0_and_every_row_is_accounted_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("rounds", "failures", "replies", "preferences", "rejects", "counts"):
        Path("data", name).mkdir(parents=True)
    lines = [f"How tall grows the {tree} where you live?;Tall;{n}" for n, tree in enumerate(TREES)]
    Path("mine.csv").write_text("\n".join(["Question Text;Model Reply;Gold", *lines, "Thank you!;;", ";x;"]))
    params = yaml.safe_load(SHIPPED_PARAMS.read_text())
    columns = {"instruction": "Question Text", "output": "Model Reply"}
    params["seed"] |= {"source": "mine.csv", "columns": columns, "near_duplicate": 1.0, "min_words": 2}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    call_stage(seed.main, Path("params.yaml"), {})
    r0, held_out = (
        tables.read(Path(name), tables.INSTRUCTIONS)
        for name in ("data/rounds/r0.parquet", "data/held_out.parquet")
    )
    rows = pl.concat([r0, held_out]).sort("seed_place")
    assert rows["extra"].to_list() == [json.dumps({"Gold": str(n)}) for n in range(len(TREES))]
    assert set(rows["output"]) == {"Tall"}
    counts = json.loads(Path("data/counts/seed.json").read_text())
    assert counts["in"] == 10 and counts["in"] == counts["out"] + sum(counts["rejects"].values())
    assert counts["rejects"] == {"asks for nothing": 1, "empty instruction": 1}
