"""Drift is the population stability index; and earlier versions are those of a file or of git."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import polars as pl
import pytest
import workspace
from contract_line import Line, line_params

from evobuild.contracts.drift import drift_table, stability_index
from evobuild.contracts.earlier import earlier_dataset, find_dataset_md5
from evobuild.core.errors import UserError
from evobuild.process.lock import LOCK


def test_the_index_of_texts_is_that_of_the_formula() -> None:
    now, before = pl.Series(["a"] * 3 + ["b"]), pl.Series(["a", "b"])
    p, q = [3.5 / 5, 1.5 / 5], [1.5 / 3, 1.5 / 3]
    wanted = sum((x - y) * math.log(x / y) for x, y in zip(p, q, strict=True))
    assert stability_index(now, before) == (pytest.approx(wanted), 2)


def test_figures_fall_into_the_tenths_of_the_earlier_version() -> None:
    before = pl.Series([float(number) for number in range(1000)])
    assert stability_index(before, before)[0] == 0
    assert stability_index(before + 0.5, before)[0] < 0.01
    moved, bins = stability_index(before + 500, before)
    assert moved > 1 and bins == 10
    emptied = pl.Series([None if number % 2 else float(number) for number in range(1000)])
    assert stability_index(emptied, before)[0] > 0.25


def test_columns_that_only_one_version_has_are_left_out(tmp_path: Path) -> None:
    line = Line(tmp_path)
    rows = pl.read_parquet(line.sources.dataset)
    rows.drop("ic_ifd").with_columns(difficulty=pl.lit(None, pl.Float64)).write_parquet(
        tmp_path / "old.parquet"
    )
    found = drift_table(line.sources.dataset, tmp_path / "old.parquet")
    assert "ic_ifd" not in found["id"].to_list() and "domain" in found["id"].to_list()
    psi = dict(found.select("id", "psi").iter_rows())
    assert psi["domain"] == 0 and psi["difficulty"] > 0.25


def test_a_file_is_a_dependency_by_its_path_and_a_revision_is_not() -> None:
    """evobuild.lock has what a revision stands for."""
    assert line_params().named_files() == line_params(against="v1.0.0").named_files() == ()
    assert line_params(against="data/old.parquet").named_files() == ("data/old.parquet",)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose data set is in DVC's cache, tagged v1."""
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    workspace.run(tmp_path, "git", "init", "-q", "-b", "main")
    repo = Repo.init()
    Path("data").mkdir()
    Path("dvc.yaml").write_text("stages:\n  select:\n    cmd: echo\n    outs: [data/dataset.parquet]\n")
    Path("data/dataset.parquet").write_bytes(b"first")
    repo.commit(force=True)
    repo.close()
    for command in (["add", "-A"], ["commit", "-q", "-m", "Build"], ["tag", "v1"]):
        workspace.run(tmp_path, "git", *command)
    Path("data/dataset.parquet").write_bytes(b"second")
    return tmp_path


def test_a_revision_is_read_from_the_cache_by_what_was_resolved(built: Path) -> None:
    md5 = hashlib.md5(b"first", usedforsecurity=False).hexdigest()
    assert find_dataset_md5("v1") == md5
    entries = "stages: {}\nlibraries: {}\npackages: {}\n"
    for text in ("", f"{entries}revisions: {{v1: {md5}}}\n"):
        if text:
            LOCK.write_text(text)
        with earlier_dataset("v1") as path:
            assert path.read_bytes() == b"first"
    LOCK.write_text(f"{entries}revisions: {{v1: other}}\n")
    with pytest.raises(UserError, match="has another dataset"), earlier_dataset("v1"):
        pass


def test_a_revision_that_there_is_not_is_named(built: Path) -> None:
    with pytest.raises(UserError, match=r"contracts.against: git shows no dvc.lock of 'v9'"):
        find_dataset_md5("v9")


def test_a_revision_is_no_option_of_git(built: Path) -> None:
    with pytest.raises(UserError, match=r"git shows no dvc\.lock of '--output=written'"):
        find_dataset_md5("--output=written")
    assert not list(built.glob("written*"))
