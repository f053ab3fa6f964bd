"""Files that are small on disk and huge inside are refused in seconds, before they fill the memory."""

from __future__ import annotations

import gzip
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import patience
import polars as pl
import pytest

from evobuild.contamination.evaluation_sets import read_evaluation_set
from evobuild.core.errors import BadInput
from evobuild.core.table_size import check_table_size
from evobuild.seeds.formats import read_seed_rows

MEGABYTE = 1 << 20
ROW = b'{"instruction": "a", "output": "b"}\n'


def zipped(start: bytes, content: bytes, times: int) -> bytes:
    """Gzip a start, and a content many times, one member each."""
    return gzip.compress(start) + gzip.compress(content * (8 * MEGABYTE // len(content))) * times


def table(**columns: object) -> pl.DataFrame:
    return pl.DataFrame(columns)


BOMBS: dict[str, Callable[[], bytes | pl.DataFrame]] = {
    "line.jsonl.gz": lambda: zipped(b'{"instruction": "', b"a", 300),
    "rows.jsonl.gz": lambda: zipped(b"", ROW, 300),
    "blank.jsonl.gz": lambda: zipped(b"", b"\n", 300),
    "array.json.gz": lambda: zipped(b"[", b"[],", 300),
    "text.json.gz": lambda: zipped(b'[{"instruction": "', b"a", 300),
    "twice.jsonl.gz": lambda: gzip.compress(zipped(b"", ROW, 2000)),
    "long.jsonl": lambda: b'{"instruction": "' + b"a" * (17 * MEGABYTE) + b'", "output": "b"}\n',
    "dictionary.parquet": lambda: table(instruction=["a" * MEGABYTE] * 100, output=["b"] * 100),
    "texts.parquet": lambda: table(instruction=[f"{'a' * MEGABYTE}{number}" for number in range(100)]),
    "rows.parquet": lambda: table(instruction=pl.repeat("a", 20_000_000, eager=True)),
    "nulls.parquet": lambda: table(instruction=pl.repeat(None, 20_000_000, dtype=pl.String, eager=True)),
    "turns.parquet": lambda: table(messages=[[{"role": "user", "content": "a" * 100_000}] * 50] * 20),
    "lists.parquet": lambda: table(instruction=["a"] * 20, other=[[[0] * 1000] * 1000] * 20),
    "bytes.parquet": lambda: table(instruction=["a"] * 100, other=[b"\0" * MEGABYTE] * 100),
}  # fmt: skip
"""By name of the file, what makes its content: up to 300 MB in memory, so one at a time."""


def lay_bomb(folder: Path, name: str) -> Path:
    """Write a bomb."""
    file, content = folder / name, BOMBS[name]()
    content.write_parquet(file) if isinstance(content, pl.DataFrame) else file.write_bytes(content)
    return file


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(tmp_path, name):
    file = lay_bomb(tmp_path, name)
    with patience.Patience(60).limit("the refusal"), pytest.raises(BadInput) as caught:
        for _ in read_seed_rows(file):
            pass
    assert len(str(caught.value).splitlines()) <= 2
    assert name in str(caught.value)
    if name == "rows.parquet":
        with pytest.raises(BadInput, match="expand"):
            read_evaluation_set(file)


READ = """
import sys
from pathlib import Path
from evobuild.core.errors import BadInput
from evobuild.seeds.formats import read_seed_rows
try:
    rows = list(read_seed_rows(Path(sys.argv[1])))
except BadInput as error:
    print(error)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.parametrize("name", ["line.jsonl.gz", "texts.parquet"])
def test_a_bomb_takes_less_than_a_gigabyte(tmp_path, name):
    file = lay_bomb(tmp_path, name)
    done = patience.run([sys.executable, "-c", READ, str(file)], 120, check=True)
    said, kilobytes = done.stdout.splitlines()
    assert name in said
    assert int(kilobytes) < MEGABYTE


def test_what_is_only_large_is_read(tmp_path):
    draws = random.Random(0)
    words = [f"{draws.getrandbits(24):x}" for _ in range(5000)]
    texts = [" ".join(draws.choices(words, k=12)) for _ in range(30_000)]
    rows = [{"instruction": text, "output": "a" * 300} for text in texts]
    with gzip.open(tmp_path / "rows.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    pl.DataFrame(rows).write_parquet(tmp_path / "rows.parquet")
    for name in ("rows.jsonl.gz", "rows.parquet"):
        assert [row.instruction for row in read_seed_rows(tmp_path / name)] == texts


def test_what_is_no_table_is_left_to_its_reader(tmp_path):
    file = tmp_path / "a.parquet"
    file.write_bytes(b"PAR1 no PAR1")
    check_table_size(file)
    with pytest.raises(BadInput, match="not Parquet"):
        list(read_seed_rows(file))
