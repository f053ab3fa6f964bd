"""Croissant's own validator takes the description of a data set, and its reader gives the rows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import carded
import mlcroissant
import polars as pl
import pytest

from evobuild.cards import croissant

# Of mlcroissant and a library beneath it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame"),
]

RECOMMENDED = "datePublished"
"""The one thing that is recommended and left out: an out has no date."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("croissant")
    found = carded.sources(root, label="DRY RUN", licence="cc-by-4.0")
    croissant.write_croissant(root / "export", carded.write_card(root / "export", found))
    return root / "export"


def test_the_validator_takes_it(folder: Path) -> None:
    issues = mlcroissant.Dataset(str(folder / "croissant.json")).metadata.issues
    assert not issues.errors
    assert all(RECOMMENDED in warning for warning in issues.warnings)


def test_its_reader_gives_all_rows_with_all_columns(folder: Path) -> None:
    rows = list(mlcroissant.Dataset(str(folder / "croissant.json")).records("sft"))
    wanted = pl.read_parquet(folder / "datasets/data/train.parquet")
    assert [row["sft/id"].decode() for row in rows] == wanted["id"].to_list()
    assert [row["sft/difficulty"] for row in rows] == wanted["difficulty"].to_list()
    assert [row["sft/output"].decode() for row in rows] == wanted["output"].to_list()
    assert {name.partition("/")[2] for name in rows[0]} == set(wanted.columns)


def test_every_file_is_named_with_its_size_and_content(folder: Path) -> None:
    content = json.loads((folder / "croissant.json").read_text())
    named = {each["contentUrl"]: each for each in content["distribution"]}
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert named.keys() == there.keys() - {"README.md", "croissant.json"}
    for name, each in named.items():
        data = there[name].read_bytes()
        assert (each["contentSize"], each["sha256"]) == (f"{len(data)} B", hashlib.sha256(data).hexdigest())


def test_it_says_what_the_card_says(folder: Path) -> None:
    content = json.loads((folder / "croissant.json").read_text())
    assert content["name"] == "DRY RUN: Evolved instructions from own.jsonl"
    assert content["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert "arXiv" in content["citeAs"] and content["conformsTo"][0] == "http://mlcommons.org/croissant/1.0"
    assert "nothing here is a result" in content["rai:dataLimitations"][0]
