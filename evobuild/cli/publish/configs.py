"""Build the configs of the dataset on the hub: one Parquet file each, the same bytes for the same rows.

sft          the data set, all columns; as the export `datasets` has it
preferences  pairs of answers to a branch's rows, as TRL reads them: id, prompt, chosen, rejected
verifiers    rows of a branch with the functions that check their answers, and cases to try those on
rejects      every row that a stage lost: stage, id, reason, detail, and the reply; the last two are withheld
             where they share text with an evaluation set

Pairs and verifiers of rows that share text with an evaluation set are left out, as `select` leaves these out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from evobuild.autoif.records import VERIFIED
from evobuild.cli.publish.evaluation_text import withhold_evaluation_text
from evobuild.cli.publish.hub_files import Config, HubFile
from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.rejects import REJECTS

DATASET = Path("data/dataset.parquet")
SFT = "datasets/data/train.parquet"
"""Within the exports."""
REJECTS_FOLDER = Path("data/rejects")
SELECT = REJECTS_FOLDER / "select.parquet"

_TURNS = pl.List(pl.Struct({"role": pl.String, "content": pl.String}))
BRANCH_EXPORTS = {
    "preferences": pl.Schema({"id": pl.String(), "prompt": _TURNS, "chosen": _TURNS, "rejected": _TURNS}),
    "verifiers": pl.Schema(
        dict.fromkeys(("id", "instruction", "input", "constraint"), pl.String())
        | {name: VERIFIED[name] for name in ("functions", "cases")}
    ),
}
"""The files of a branch's exports that are configs, <name>.jsonl each."""
ROW_GROUP = 65_536


def build_sft_config(exports: Path, folder: Path) -> tuple[Config, HubFile]:
    """Return the dataset's file among the exports, else write a copy into a folder."""
    if (path := exports / SFT).exists():
        return Config("sft", SFT, _count_rows(path)), HubFile(SFT, path)
    rows = tables.scan(DATASET, INSTRUCTIONS).sort("id")
    return _write_config("sft", rows, folder)


def build_branch_configs(exports: list[Path], folder: Path) -> Iterator[tuple[Config, HubFile]]:
    """Write the exports of all branches, concatenated; configs without rows are left out."""
    lost = tables.scan(SELECT, REJECTS).filter(pl.col("reason") == "contaminated").select("id")
    for name, schema in BRANCH_EXPORTS.items():
        files = [path for each in exports if (path := each / f"{name}.jsonl").stat().st_size]
        if files:
            rows = pl.concat([pl.scan_ndjson(path, schema=schema) for path in files])
            config, file = _write_config(
                name, rows.join(lost, on="id", how="anti", maintain_order="left"), folder
            )
            if config.rows:
                yield config, file


def build_rejects_config(folder: Path) -> tuple[Config, HubFile] | None:
    """Write the rejects of all stages, ordered by stage name; None if no row was rejected.

    Raises as `withhold_evaluation_text`.
    """
    of_stages = [
        tables.scan(path, REJECTS).select(pl.lit(path.stem).alias("stage"), pl.all())
        for path in sorted(REJECTS_FOLDER.glob("*.parquet"))
    ]
    rows = withhold_evaluation_text(pl.concat(of_stages))
    config, file = _write_config("rejects", rows, folder)
    return (config, file) if config.rows else None


def _write_config(name: str, rows: pl.LazyFrame, folder: Path) -> tuple[Config, HubFile]:
    """Write a table, streaming one row group at a time. Raises BadInput if it cannot be read."""
    path = f"{name}/train.parquet"
    file = folder / path
    file.parent.mkdir(parents=True)
    try:
        rows.sink_parquet(file, compression="zstd", row_group_size=ROW_GROUP, maintain_order=True)
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{name}: cannot be made a table: {str(error).splitlines()[0][:200]}") from error
    return Config(name, path, _count_rows(file)), HubFile(path, file)


def _count_rows(path: Path) -> int:
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())
