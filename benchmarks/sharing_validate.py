"""How long `validate` takes, and in what memory, where every table has 1,000,000 rows.

Made-up tables of two pools, all of whose rows are chosen: instructions, answers, ratings, scores, distances
and the data set have a million rows each. Run as: python benchmarks/sharing_validate.py [rows]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from figures import Figures
from line import measured

from evobuild.core import tables
from evobuild.core.measures import MEASURES, measure_of
from evobuild.core.tables import CONTAMINATION, INSTRUCTIONS

ROOT = Path(__file__).parents[1]
POOLS = ("r0", "r1")
SECONDS, GIB = 20.0, 3.0


def hashed(of: str, place: pl.Expr) -> pl.Expr:
    """Twenty hex digits, another for each place."""
    number = pl.format("{}{}", pl.lit(of[-1]), place.cast(pl.String).str.zfill(7))
    return (number + place.mul(2_654_435_761).mod(10**12).cast(pl.String).str.zfill(12)).alias("id")


def instructions(pool: str, rows: int) -> pl.DataFrame:
    """Answered rows of a pool, each a child of the seed row at its place."""
    place = pl.col("place")
    text = pl.format("Say in a few words what you know of the river {}, and where it ends. ", place)
    seed = hashed("r0", place)
    made = {name: pl.lit("") for name in INSTRUCTIONS} | {
        "id": hashed(pool, place),
        "content_id": hashed(pool, place),
        "seed_id": seed,
        "parent_id": pl.lit("") if pool == "r0" else seed,
        "round": pl.lit(pool),
        "domain": pl.lit("chat"),
        "history": pl.lit([], INSTRUCTIONS["history"]),
        "instruction": pl.concat_str([text] * 3),
        "output": pl.concat_str([text] * 6),
        "strategy": pl.lit("" if pool == "r0" else "auto"),
        "seed_place": place,
    }
    return pl.DataFrame({"place": range(rows)}).select(**made).match_to_schema(INSTRUCTIONS)


def figures_of(stage: str, ids: pl.DataFrame) -> pl.DataFrame:
    """A table of a measure: figures from 0.1 to 1.1."""
    schema, place = measure_of(stage).schema, pl.int_range(pl.len())
    figure = place.mod(1000) / 1000 + 0.1
    kinds: dict[Any, pl.Expr] = {
        pl.Float64: figure,
        pl.Int64: place.mod(50) + 1,
        pl.Boolean: pl.lit(value=False),
    }
    made = {name: kinds.get(kind, pl.lit("hard")) for name, kind in schema.items()} | {"id": pl.col("id")}
    if "neighbour" in schema:
        made["neighbour"] = pl.col("id").shift(1, fill_value=ids["id"][-1])
    return ids.select(**made).match_to_schema(schema)


def write_line(root: Path, rows: int) -> None:
    """Write all that the stage reads."""
    chosen = []
    for pool in POOLS:
        own = instructions(pool, rows // len(POOLS))
        found = {"rounds": own, "responses": own}
        for measure in MEASURES:
            on = measure.stage in ("rate", "score", "diversity")
            found[measure.folder] = figures_of(measure.stage, own) if on else measure.schema.to_frame()
        for folder, table in found.items():
            write(root / f"data/{folder}/{pool}.parquet", table)
        for measure in MEASURES:
            table = found[measure.folder].rename(measure.renamed)
            kept = ["id", *(column.name for column in measure.columns if column.in_dataset)]
            own = own.join(table.select(kept), on="id", how="left")
        chosen.append(own)
    write(root / "data/dataset.parquet", pl.concat(chosen))
    write(root / "data/contamination/held_out.parquet", CONTAMINATION.to_frame())
    (root / "data/preferences").mkdir()
    write_counts(root, rows)


def write(path: Path, table: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(path, table)


def write_counts(root: Path, rows: int) -> None:
    """Write the counts of stages that lose nothing, and their empty rejects."""
    each = {"in": rows // len(POOLS), "out": rows // len(POOLS), "rejects": {}}
    pools = dict.fromkeys(POOLS, each)
    counts: dict[str, Any] = {stem: each for pool in POOLS for stem in (f"respond-{pool}", f"rate-{pool}")}
    counts |= {"score": pools, "diversity": pools, "select": {"in": rows, "out": rows, "rejects": {}}}
    counts |= dict.fromkeys(("reward", "tag"), dict.fromkeys(POOLS, tables.OFF))
    counts |= {"experience": tables.OFF, "keywords": tables.OFF, "seed": each, "evolve-r1": each}
    for stem, content in counts.items():
        write(root / f"data/rejects/{stem}.parquet", tables.REJECTS.to_frame())
        (root / "data/counts").mkdir(exist_ok=True)
        tables.write_json(root / f"data/counts/{stem}.json", content)


def hold(rows: int) -> tuple[float, float]:
    """Write the line, and hold it: seconds, and peak memory in GiB."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params |= {"rounds": {"r1": {"parent": "r0"}}, "branches": {}, "pools": {pool: {} for pool in POOLS}}
    params["select"] |= {"pools": list(POOLS)}
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        root = Path(folder)
        write_line(root, rows)
        (root / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        for name in ("settings/validate.json", "validation/none"):
            (root / "data" / name).parent.mkdir(exist_ok=True)
            (root / "data" / name).touch()
        command = ["-m", "stages.validate", "--expectations", str(ROOT / "expectations")]
        return measured([sys.executable, *command], root, PYTHONPATH=str(ROOT))


def main() -> None:
    """Print the figures."""
    rows, figures = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, Figures()
    seconds, peak = hold(rows)
    figures.at_most(f"seconds of validate, {rows:,} rows", seconds, SECONDS, "s")
    figures.at_most(f"memory of validate, {rows:,} rows", peak, GIB, "GiB")
    figures.print()


if __name__ == "__main__":
    main()
