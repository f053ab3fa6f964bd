"""The stage `seed` on a file of one's own: named columns, what is lost, and what travels along."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import yaml
from workspace import SHIPPED_PARAMS

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.rejects import REJECTS
from evobuild.core.stage import call_stage
from stages import seed

TABLES = ("r0", "held_out", "rejects", "failures", "replies", "preferences")
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
        tables.read(Path(name), INSTRUCTIONS) for name in ("data/rounds/r0.parquet", "data/held_out.parquet")
    )
    rows = pl.concat([r0, held_out]).sort("seed_place")
    assert rows["extra"].to_list() == [json.dumps({"Gold": str(n)}) for n in range(len(TREES))]
    assert set(rows["output"]) == {"Tall"}
    counts = json.loads(Path("data/counts/seed.json").read_text())
    assert counts["in"] == 10 and counts["in"] == counts["out"] + sum(counts["rejects"].values())
    assert counts["rejects"] == {"asks for nothing": 1, "empty instruction": 1}


def test_a_large_source_gives_the_rows_of_a_small_one_in_parts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"instruction": f"oak{n} elm{n} fir{n}", "output": ""} for n in range(400)]
    Path("mine.jsonl").write_text("\n".join(map(json.dumps, [*rows, *rows[:90]])))
    params = yaml.safe_load(SHIPPED_PARAMS.read_text())
    params["seed"] |= {"source": "mine.jsonl", "rows": 200}
    found = []
    for rows_per_file in (1000, 50):
        params["tables"]["rows_per_file"] = rows_per_file
        Path("params.yaml").write_text(yaml.safe_dump(params))
        outs = {name: Path(f"{rows_per_file}/{name}.parquet") for name in TABLES}
        call_stage(seed.main, Path("params.yaml"), outs | {"counts": Path(f"{rows_per_file}/counts.json")})
        schemas = {"rejects": REJECTS}
        found.append([tables.read(outs[name], schemas.get(name, INSTRUCTIONS)) for name in TABLES[:3]])
        assert outs["r0"].is_dir() == outs["rejects"].is_dir() == (rows_per_file == 50)
    assert [one.equals(other) for one, other in zip(*found, strict=True)] == [True, True, True]
    assert [table.height for table in found[0]] == [200, 20, 270]
    assert Path("50/counts.json").read_text() == Path("1000/counts.json").read_text()
