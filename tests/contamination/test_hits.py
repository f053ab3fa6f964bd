"""The longest hits are found without all of them in memory."""

from __future__ import annotations

import hashlib
import random
from functools import partial
from pathlib import Path

import tiny

from evobuild.contamination import hits
from evobuild.core import table_parts, tables
from evobuild.core.evaluation_tables import CONTAMINATION


def test_the_longest_hits_of_a_large_table_are_those_of_all(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(hits, "SHOWN", 5)
    monkeypatch.setattr(tables, "batches", partial(tables.batches, rows=4))
    chance = random.Random(2)
    rows = [tiny.row(instruction=f"Row {at}.") for at in range(60)]
    lines = [
        (f"{row.id}-{n}", row.id, chance.choice(("r0", "r1", "r2")), "set", "q:1", str(n), overlap, "?")
        for row in rows
        for n in (8, 13)
        for overlap in (chance.choice(("", " ")).join(chance.choices("小明有三", k=chance.randint(1, 12))),)
    ]
    pools = ["r0", "r1"]
    with table_parts.rows_per_file(7):
        tables.write(tmp_path / "set.parquet", tables.frame(CONTAMINATION, lines))
    best: dict[str, tuple[str, ...]] = {}
    ranked = [(-len(hits.split_normalised_words(line[6])), line) for line in lines if line[2] in pools]
    for _, line in sorted(ranked):
        best.setdefault(line[1], line)
    shown = hits.find_longest_hits("set", pools, tmp_path)
    expected = [(line[1], line[5], len(hits.split_normalised_words(line[6]))) for line in best.values()]
    assert [(hit.row, hit.measure, hit.words) for hit in shown] == expected[:5]
    assert {hit.digest for hit in shown} == {hashlib.sha256(b"?").hexdigest()[: hits.DIGITS]}


def test_no_hits_show_none(tmp_path: Path) -> None:
    tables.write(tmp_path / "set.parquet", CONTAMINATION.to_frame())
    assert hits.find_longest_hits("set", ["r0"], tmp_path) == []
