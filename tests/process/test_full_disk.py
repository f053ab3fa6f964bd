"""A full disk is reported with the folder and what to do."""

from __future__ import annotations

import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path

import polars as pl
import pytest

from evobuild.core import tables
from evobuild.core.errors import UserError
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.process import full_disk
from evobuild.process.command_line import run_command

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def disks(monkeypatch):
    """Free bytes by the name of a folder; others have a gigabyte."""
    free: dict[str, int] = {}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, free.get(Path(path).name, 2**30)))
    return free


def full(path: str | None = None) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def test_a_full_disk_is_told_from_other_errors():
    assert full_disk.is_full_disk(full())
    assert full_disk.is_full_disk(pl.exceptions.ComputeError("No space left on device (os error 28)"))
    assert not full_disk.is_full_disk(OSError(errno.EACCES, "Permission denied"))
    assert not full_disk.is_full_disk(pl.exceptions.ComputeError("bad file"))


def test_the_message_names_the_folder_what_is_kept_and_what_to_do(tmp_path, monkeypatch, disks, capsys):
    monkeypatch.chdir(tmp_path)
    Path("data/rounds").mkdir(parents=True)
    disks["rounds"] = 2**19

    def work() -> int:
        raise full("data/rounds/.r1.parquet.partial/spill-0.arrow")

    assert run_command("evolve", work) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"evolve: {tmp_path}/data/rounds: its disk is full (0.5 MiB left)"
    assert second.startswith("Replies and finished stages are kept: free space there, ")
    assert second.endswith(", then run the same command again")


def test_a_read_only_file_system_is_said_with_the_folder_and_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def work() -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "data/rounds/.r1.parquet.partial")

    Path("data/rounds").mkdir(parents=True)
    assert run_command("evolve", work) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"evolve: {tmp_path}/data/rounds: cannot be written, its file system is read-only"
    assert "copy of the project" in second


def test_without_a_name_the_fullest_folder_is_named(tmp_path, monkeypatch, disks):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "scratch"))
    for name in ("scratch", "data", ".evobuild"):
        Path(name).mkdir()
    disks |= {"scratch": 5, ".evobuild": 3000}
    said = full_disk.explain_full_disk(None)
    assert said.startswith(f"{tmp_path}/scratch: its disk is full")
    assert "or set TMPDIR to a folder on another disk" in said
    disks["data"] = 4
    assert full_disk.explain_full_disk(None).startswith(f"{tmp_path}/data: its disk is full")
    assert "TMPDIR" not in full_disk.explain_full_disk(None)


def test_a_table_that_does_not_fit_is_such_an_error(tmp_path, monkeypatch, row):
    def sink(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device (os error 28)")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", sink)
    with pytest.raises(UserError, match="its disk is full"):
        tables.write(tmp_path / "t.parquet", tables.frame(INSTRUCTIONS, [row("A row.")]))


def test_dvc_is_expected_to_fail_where_its_cache_has_no_room(tmp_path, monkeypatch, disks):
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    Path("out/file").write_bytes(b"a" * 4096)
    assert full_disk.dvc_cache_warning([Path("out")]) == ""
    Path(".dvc/own").mkdir(parents=True)
    Path(".dvc/config").write_text("[core]\n    autostage = true\n[cache]\n    dir = own\n")
    assert full_disk.dvc_cache_warning([Path("out")]) == ""
    disks["own"] = 4000
    assert full_disk.dvc_cache_warning([Path("out")]).startswith("warning: .dvc/own: DVC copies 0.0 MiB")
    assert full_disk.dvc_cache_warning([]) == ""
