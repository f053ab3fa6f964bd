"""The data set alone, in another repository: by path, as a dependency, and by name and version."""

from __future__ import annotations

from pathlib import Path

import pipelines
import workspace


def test_another_repository_takes_the_data_set_alone(first: Path, tmp_path: Path) -> None:
    pipelines.add_remote(first, str(tmp_path / "remote"))
    workspace.run(first, "dvc", "push")
    for name in ("dataset", "model"):
        workspace.run(first, "gto", "register", name, "--version", "v1.0.0")
    assert "v1.0.0" in workspace.run(first, "gto", "show", "dataset")
    # Of a clone that it makes itself, without the cache of the first.
    origin = (first.rename(tmp_path / "origin")).as_uri()
    pipelines.empty_cache(tmp_path / "origin")
    other = tmp_path / "other"
    other.mkdir()
    workspace.run(other, "git", "init", "-q")
    workspace.run(other, "dvc", "init", "-q")
    workspace.run(other, "dvc", "get", origin, "data/dataset.parquet")
    assert (other / "dataset.parquet").read_text() == "data/dataset.parquet"
    workspace.run(other, "dvc", "import", origin, "data/export", "--rev", "dataset@v1.0.0")
    assert (other / "export/part.txt").read_text() == "data/export"
    workspace.run(other, "dvc", "artifacts", "get", origin, "dataset", "--rev", "v1.0.0", "-o", "v1")
    assert (other / "v1/part.txt").read_text() == "data/export"
    workspace.run(other, "dvc", "artifacts", "get", origin, "model", "--rev", "v1.0.0", "-o", "model")
    assert (other / "model/toy/part.txt").read_text() == "models/tuned/toy"
