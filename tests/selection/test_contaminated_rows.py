"""Contaminated rows of large tables are read part by part."""

from __future__ import annotations

import random
from pathlib import Path

import tiny

from evobuild.core import table_parts, tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.selection.candidate_rows import read_contaminated_rows


def test_parts_tell_of_rows_what_one_file_tells(tmp_path: Path) -> None:
    chance = random.Random(4)
    ids = [tiny.row(instruction=f"Row {at}.").id for at in range(80)]
    lines = {
        name: [
            (
                f"{id}-{measure}",
                id,
                "r0",
                name,
                f"q:{chance.randint(1, 9)}",
                measure,
                "x" * chance.randint(1, 5),
                "?",
            )
            for id in chance.sample(ids, 50)
            for measure in chance.sample(("13-gram", "8-gram", "embedding"), 2)
        ]
        for name in ("one", "two")
    }
    found = []
    for most in (1000, 10):
        folder = tmp_path / str(most)
        folder.mkdir()
        with table_parts.rows_per_file(most):
            for name, own in lines.items():
                tables.write(folder / f"{name}.parquet", tables.frame(CONTAMINATION, own))
        assert (folder / "one.parquet").is_dir() == (most == 10)
        found.append(read_contaminated_rows(["one", "two"], ["13-gram", "embedding"], folder).sort("id"))
    assert found[0].equals(found[1]) and found[0]["id"].is_unique().all()
    assert found[0]["hit"].str.contains("and 2 more").any()
