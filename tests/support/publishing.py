"""A project that has been built, as small as it gets, for what is published of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import workspace
import yaml

from evobuild.core import tables
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.json_files import write_json
from evobuild.core.rejects import REJECTS

BASE = "toy"
IDS = ("a1", "b2", "c3")
CONTAMINATED = "d4"
MARK = "Zyzzogeton"
HELD_OUT = f"Say in one word which kind of leafhopper the {MARK} of the rain forest is."
"""A row that is held out for evaluation, which nothing that is published may hold."""
PNG = b"\x89PNG\r\n\x1a\n of a histogram"
CARD = """\
---
license: cc-by-nc-4.0
tags:
- synthetic
---

# Evolved

Written by a stage.
"""
STAGES: dict[str, Any] = {
    "check": {"cmd": "true", "params": ["models"], "outs": ["data/label.txt"]},
    "rounds": {"cmd": "true", "params": ["seed"], "outs": ["data/rounds.parquet", "data/held_out.parquet"]},
    "select": {
        "cmd": "true",
        "deps": ["data/rounds.parquet"],
        "params": ["select"],
        "outs": [
            "data/dataset.parquet",
            "data/export_autoif",
            "data/validation",
            *(f"data/rejects/{stage}.parquet" for stage in ("evolve-r1", "export", "select")),
        ],
    },
    "export": {"cmd": "true", "deps": ["data/dataset.parquet"], "outs": ["data/export"]},
    "report": {"cmd": "true", "deps": ["data/dataset.parquet"], "outs": ["data/report.html"]},
    "finetune": {"cmd": "true", "outs": [f"models/tuned/{BASE}", "models/tuned/data.json"]},
}


def instruction(id: str) -> Instruction:
    """An answered row of the first round."""
    return Instruction(
        id, f"content {id}", "s", "s", "r1", "chat", (("user", "Hi."),), f"Do {id}.", "", f"Done {id}."
    )


def validation(success: bool = True) -> dict[str, Any]:
    """What the stage `validate` writes, of one table with one expectation."""
    outcome = {
        "type": "expect_column_values_to_be_unique", "column": "id", "kwargs": {"column": "id"},
        "severity": "critical", "success": success, "rows": 3, "unexpected": 0 if success else 1,
        "share": 0.0, "observed": None, "ids": [], "notes": "an id names one row",
    }  # fmt: skip
    table = {"table": "dataset", "rows": 3, "off": "", "expectations": [outcome]}
    return {"success": success, "tables": [table]}


def build(root: Path) -> Path:
    """Lay the project out, as DVC and git have it once it is built and committed."""
    write_all(root)
    workspace.run(root, "git", "init", "-q", "-b", "main")
    workspace.run(root, "dvc", "init", "-q")
    workspace.run(root, "dvc", "commit", "-q", "-f")
    workspace.run(root, "git", "add", "-A")
    workspace.run(root, "git", "commit", "-q", "-m", "Build")
    return root


def write_all(root: Path) -> None:
    """Write all files, the data of which no stage makes."""
    root.mkdir()
    params = yaml.safe_load(workspace.SHIPPED_PARAMS.read_text()) | {
        "bases": {BASE: {"model": "models/scratch"}},
        "branches": {"autoif": {}},
    }
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}, sort_keys=False))
    (root / ".gitignore").write_text("/data\n/models\n/.evobuild\n")
    data, exports = root / "data", root / "data/export"
    for folder in ("rejects", "validation", "export_autoif", "export/images", "export/datasets/data"):
        (data / folder).mkdir(parents=True)
    rows = tables.frame(INSTRUCTIONS, map(instruction, IDS))
    for path in (data / "rounds.parquet", data / "dataset.parquet", exports / "datasets/data/train.parquet"):
        tables.write(path, rows)
    lost = {"select": ("contaminated", CONTAMINATED), "evolve-r1": ("too short", "e5")}
    for stage, (reason, id) in lost.items():
        table = tables.frame(REJECTS, [(id, reason, "told", "The reply.")])
        tables.write(data / "rejects" / f"{stage}.parquet", table)
    tables.write(data / "rejects/export.parquet", REJECTS.to_frame())
    held_out = instruction("h6")._replace(instruction=HELD_OUT, output=f"Answer {MARK}.")
    tables.write(data / "held_out.parquet", tables.frame(INSTRUCTIONS, [held_out]))
    (data / "label.txt").write_text("\n")
    (data / "report.html").write_text("<p>The report.</p>\n")
    for name in ("tables", "outputs"):
        write_json(data / f"validation/{name}.json", validation())
    (exports / "README.md").write_text(CARD)
    (exports / "datasets/README.md").write_text("---\nlicense: mit\n---\n# Nested\n")
    (exports / "alpaca.json").write_text('[{"id": "a1"}]\n')
    (exports / "images/difficulty.png").write_bytes(PNG)
    write_branch(data / "export_autoif")
    model = root / "models/tuned" / BASE
    model.mkdir(parents=True)
    (model / "README.md").write_text("---\nlibrary_name: transformers\n---\n\n# toy\n")
    (model / "config.json").write_text("{}\n")
    (model / "model.safetensors").write_bytes(b"weights" * 100)
    write_json(root / "models/tuned/data.json", {"data": "dataset", "method": "sft", "rows": 3})


def write_branch(folder: Path) -> None:
    """Write what a branch exports: of one row of the data set, and of one that is contaminated."""
    verifiers, pairs = [], []
    for id in (IDS[0], CONTAMINATED):
        functions = [{"code": "def evaluate(response):\n    return True", "accuracy": 1.0}]
        cases = [{"input": "x", "expected": True}]
        given = {"id": id, "instruction": "No comma.", "input": "Why?", "constraint": "No comma."}
        verifiers.append(given | {"functions": functions, "cases": cases})
        turn = {"role": "user", "content": "Why?"}
        answers = {name: [{"role": "assistant", "content": name}] for name in ("chosen", "rejected")}
        pairs.append({"id": id, "prompt": [turn]} | answers)
    for name, records in (("verifiers", verifiers), ("preferences", pairs)):
        text = "".join(f"{json.dumps(record)}\n" for record in records)
        (folder / f"{name}.jsonl").write_text(text)


def rows_of(content: bytes) -> pl.DataFrame:
    """The table of a Parquet file."""
    return pl.read_parquet(content)
