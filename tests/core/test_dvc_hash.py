"""Our md5 is DVC's own, by the library that it hashes with."""

from __future__ import annotations

from pathlib import Path

import pytest
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_objects.fs import LocalFileSystem

from evobuild.core.dvc_hash import dvc_md5


@pytest.mark.parametrize("names", [["a.parquet"], ["00.parquet", "0a.parquet", "ff.parquet"]])
def test_it_is_what_dvc_says_of_a_file_and_of_a_folder(tmp_path: Path, names: list[str]) -> None:
    out = tmp_path / "out.parquet"
    out.mkdir()
    for name in reversed(names):
        (out / name).write_bytes(name.encode() * 10)
    system = LocalFileSystem()
    for path in (out, out / names[0]):
        cache = HashFileDB(system, str(tmp_path / "cache"))
        _, _, found = build(cache, str(path), system, "md5", dry_run=True)
        assert dvc_md5(path) == found.hash_info.value
