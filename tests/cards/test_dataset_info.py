"""What the front matter says of each config is what `datasets` finds, and tells builds apart in its cache."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import carded
import polars as pl
import pytest
import tiny

from evobuild.autoif.records import VERIFIED
from evobuild.cards import dataset_info
from evobuild.core.instructions import INSTRUCTIONS, Instruction
from evobuild.core.measures import BUILT_IN
from evobuild.core.rejects import REJECTS
from evobuild.export.formats import FORMATS

JSON = [name for name in carded.ALL if name != "datasets"]
FIRST, SECOND, THIRD = ([tiny.row(output=text)] for text in ("Ebro.", "Oder.", "Loir."))
"""Builds that agree in all that can be counted: rows, sizes, columns."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for all that a test loads."""
    import datasets

    datasets.disable_progress_bars()
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


def build(project: Path, rows: list[Instruction], names: list[str], lost: int = 0) -> Path:
    """Export rows into a project, in place of what it exported before."""
    folder = project / "data/export"
    shutil.rmtree(project, ignore_errors=True)
    folder.parent.mkdir(parents=True)
    carded.write_card(folder, carded.sources(folder.parent, rows, formats=names)._replace(lost=lost))
    return folder


def load(folder: Path | str, name: str | None = None) -> Any:
    import datasets

    return datasets.load_dataset(str(folder), name, split="train")


def answer(folder: Path | str) -> str:
    (row,) = load(folder)
    return row["output"]


@pytest.mark.parametrize("names", [["datasets"], JSON], ids=["Parquet", "JSON"])
def test_one_cache_tells_projects_and_builds_apart(
    tmp_path: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert answer(build(one, FIRST, names)) == "Ebro."
    assert answer(build(two, SECOND, names)) == "Oder."
    monkeypatch.chdir(tmp_path)
    assert answer("one/data/export") == "Ebro."
    build(one, THIRD, names)
    assert answer("one/data/export") == "Loir.", "the same path, built again"
    monkeypatch.chdir(one)
    assert answer("data/export") == "Loir."
    monkeypatch.chdir(two)
    assert answer("data/export") == "Oder.", "the same relative path in another project"
    assert answer(one / "data/export") == "Loir."


def test_the_same_rows_are_kept_once(tmp_path: Path) -> None:
    one, two = (load(build(tmp_path / name, FIRST, ["datasets"])) for name in ("one", "two"))
    assert one.cache_files == two.cache_files


@pytest.mark.parametrize("extra", ["", '{"gold": 1}'])
def test_the_types_of_each_format_are_what_datasets_reads_from_the_file(tmp_path: Path, extra: str) -> None:
    import datasets

    talk = (("system", "Be brief."), ("user", "Hi."), ("assistant", "Hello."))
    folder = build(tmp_path, [tiny.row(extra=extra, history=talk)], JSON)
    (tmp_path / "alone").mkdir()
    for name in JSON:
        layout = FORMATS[name]
        alone = shutil.copy(folder / layout.file, tmp_path / "alone")
        own = datasets.load_dataset("json", data_files=str(alone), split="train")
        assert load(folder, name).features == own.features


def test_rows_that_a_format_lacks_are_not_counted(tmp_path: Path) -> None:
    unpaired = tiny.row(instruction="Hi?", history=(("user", "One."),))
    folder = build(tmp_path, [*carded.ROWS, unpaired], JSON, lost=1)
    counts = {name: load(folder, name).num_rows for name in JSON}
    assert counts == {"alpaca": 3, "sharegpt": 3, "messages": 4, "trl": 4}


def test_another_file_than_the_one_described_is_refused(tmp_path: Path) -> None:
    from datasets.exceptions import NonMatchingSplitsSizesError

    folder = build(tmp_path / "one", FIRST, ["datasets"])
    other = build(tmp_path / "two", carded.ROWS, ["datasets"])
    shutil.copy(other / "datasets/data/train.parquet", folder / "datasets/data/train.parquet")
    with pytest.raises(NonMatchingSplitsSizesError):
        load(folder)


MEASURED = pl.Schema({each.name: each.kind for measure in BUILT_IN for each in measure.columns})
TURNS = pl.Schema({"kept": pl.List(pl.Boolean), "few": pl.List(pl.Float32)})


@pytest.mark.parametrize("schema", [INSTRUCTIONS, MEASURED, VERIFIED, REJECTS, TURNS])
def test_every_type_of_a_table_is_named_as_datasets_names_it(tmp_path: Path, schema: pl.Schema) -> None:
    import pyarrow.parquet as pq
    from datasets import Features

    path = tmp_path / "table.parquet"
    schema.to_frame().write_parquet(path)
    found = dataset_info.parquet_info("sft", path)["features"]
    assert found == Features.from_arrow_schema(pq.read_schema(path))._to_yaml_list()
