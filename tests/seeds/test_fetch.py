"""A data set of the hub, by its own library: a local folder stands for the hub, which tests cannot reach."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from evobuild.core.errors import UserError
from evobuild.seeds import fetch, formats
from evobuild.seeds.params import Fetch


def wanted(name: str, split: str | list[str] = "train", config: str | list[str] | None = None) -> Fetch:
    return Fetch(hub=name, config=config, revision="0" * 40, split=split)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def test_a_fetched_split_is_a_seed_file(tmp_path: Path) -> None:
    folder = tmp_path / "gsm"
    folder.mkdir()
    (folder / "train.jsonl").write_text('{"question": "2 + 2?", "answer": "#### 4"}\n')
    fetch.download_dataset(wanted(str(folder)), tmp_path / "gsm.parquet")
    (row,) = formats.read_seed_rows(tmp_path / "gsm.parquet")
    assert (row.instruction, row.output) == ("2 + 2?", "#### 4")


@pytest.mark.parametrize(("name", "split"), [("nobody/nothing", "train"), (None, "nowhere")])
def test_what_cannot_be_had_is_said_in_a_line(tmp_path: Path, name: str | None, split: str) -> None:
    (tmp_path / "gsm").mkdir()
    (tmp_path / "gsm/train.jsonl").write_text('{"question": "a", "answer": "b"}\n')
    with pytest.raises(UserError, match="cannot be had") as error:
        fetch.download_dataset(wanted(name or str(tmp_path / "gsm"), split), tmp_path / "out.parquet")
    assert len(str(error.value).splitlines()) == 1


def test_rows_of_several_configs_and_splits_tell_whose_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "exams"
    folder.mkdir()
    listed = []
    for subject in ("law", "logic"):
        for split in ("dev", "val"):
            line = {"question": f"{subject} {split}"} | ({"explanation": "so"} if split == "dev" else {})
            (folder / f"{subject}-{split}.jsonl").write_text(json.dumps(line) + "\n")
        files = [{"split": split, "path": f"{subject}-{split}.jsonl"} for split in ("dev", "val")]
        listed.append({"config_name": subject, "data_files": files})
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': listed})}---\n")
    source = wanted(str(folder), ["val", "dev"], ["logic", "law"])
    fetch.download_dataset(source, tmp_path / "out.parquet")
    found = pl.read_parquet(tmp_path / "out.parquet")
    named = ["logic val", "logic dev", "law val", "law dev"]
    assert found["question"].to_list() == named
    assert [f"{row['config']} {row['split']}" for row in found.to_dicts()] == named
    assert found["explanation"].to_list() == [None, "so", None, "so"]
