"""What one clone pushes to a remote, another pulls."""

from __future__ import annotations

from pathlib import Path

import workspace


def test_a_file_travels_by_s3(s3: str, tmp_path: Path) -> None:
    root = tmp_path / "first"
    root.mkdir()
    (root / "table.csv").write_text("id\n1\n")
    workspace.run(root, "git", "init", "-q")
    workspace.run(root, "dvc", "init", "-q")
    workspace.run(root, "dvc", "remote", "add", "-d", "shared", "s3://shared/file")
    workspace.run(root, "dvc", "remote", "modify", "shared", "endpointurl", s3)
    workspace.run(root, "dvc", "add", "-q", "table.csv")
    workspace.run(root, "git", "add", "-A")
    workspace.run(root, "git", "commit", "-q", "-m", "Begin")
    workspace.run(root, "dvc", "push", "-q")
    workspace.run(tmp_path, "git", "clone", "-q", str(root), "second")
    workspace.run(tmp_path / "second", "dvc", "pull", "-q")
    assert (tmp_path / "second/table.csv").read_text() == "id\n1\n"
