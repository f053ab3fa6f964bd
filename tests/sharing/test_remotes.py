"""What one clone pushes to a remote, another pulls, and nothing is built again."""

from __future__ import annotations

from pathlib import Path

import pipelines
import workspace

NEEDED = ("data/dataset.parquet", "data/export", "data/report.html", "data/explorer", "models/tuned/toy")
INTERMEDIATE = ("data/rounds", "data/responses", "data/counts", "data/rejects", "models/scratch")


def test_a_reader_pulls_from_a_folder_what_was_pushed_and_builds_nothing(first: Path) -> None:
    pipelines.add_remote(first, str(first.parent / "remote"))
    workspace.run(first, "dvc", "push")
    second = pipelines.clone(first)
    said = workspace.run(second, "python", "-m", "evobuild", "pull")
    assert "WARNING" not in said and "ERROR" not in said
    assert [path for path in NEEDED if not (second / path).exists()] == []
    assert [path for path in INTERMEDIATE if (second / path).exists()] == []
    said = workspace.run(second, "python", "-m", "evobuild", "repro")
    assert "nothing is stale" in said and "Data and pipelines are up to date" in said
    assert "Running stage" not in said


def test_with_everything_pushed_to_s3_a_second_clone_is_as_the_first(first: Path, s3: str) -> None:
    pipelines.add_remote(first, "s3://shared/everything", endpointurl=s3)
    pipelines.push_everything(first)
    assert "Running stage" not in workspace.run(first, "dvc", "repro"), "the choice makes nothing stale"
    workspace.run(first, "dvc", "push")
    second = pipelines.clone(first)
    workspace.run(second, "dvc", "pull")
    assert "Running stage" not in workspace.run(second, "dvc", "repro")
    assert "in sync" in workspace.run(second, "dvc", "status", "-c")
    assert workspace.hashes(second) == workspace.hashes(first)


def test_a_data_set_travels_by_ssh(first: Path, ssh: tuple[int, Path]) -> None:
    port, key = ssh
    pipelines.add_remote(first, f"ssh://reader@127.0.0.1:{port}{first.parent}/remote", keyfile=str(key))
    workspace.run(first, "dvc", "push", "data/export")
    second = pipelines.clone(first)
    workspace.run(second, "dvc", "pull", "data/export")
    assert (second / "data/export/part.txt").read_text() == "data/export"
