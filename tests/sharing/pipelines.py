"""A pipeline with the outs of dvc.yaml and none of its work: what is pushed and pulled, in seconds."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import workspace
import yaml

FEW = workspace.SMALL | {"rounds": {"r1": {"parent": "r0"}}, "pools": {"r1": {}}, "branches": {}}
WRITE = """import shutil
import sys
from pathlib import Path

for name in sys.argv[1:]:
    path = Path(name) if Path(name).suffix else Path(name, "part.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
"""
CODE = ("stages/", "evobuild", "prompts", "expectations", "requirements.lock", "${")
"""How deps begin that are code, or files that params name."""


def build(root: Path) -> None:
    """Lay the pipeline out in an empty folder, build it and commit it. Each stage writes names of outs."""
    workspace.lay_out(root)
    workspace.change_params(root, FEW)
    (root / "write.py").write_text(WRITE)
    pipeline = yaml.safe_load((root / "dvc.yaml").read_text())
    for entry in pipeline["stages"].values():
        stand_in(entry.get("do", entry))
    del pipeline["plots"]
    (root / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    workspace.commit(root)
    workspace.run(root, "dvc", "repro", "-q")
    commit(root, "Build")


def stand_in(stage: dict[str, Any]) -> None:
    """Put a stage that writes names in the place of one that works."""
    outs = [each for kind in ("outs", "metrics", "plots") for each in stage.get(kind, [])]
    paths = [each if isinstance(each, str) else next(iter(each)) for each in outs]
    stage["cmd"] = f"exec {sys.executable} write.py " + " ".join(f"'{path}'" for path in paths)
    deps = [dep for dep in stage["deps"] if not dep.startswith(CODE)] or ["params.yaml"]
    stage["deps"] = ["data/settings" if dep.startswith("data/settings/") else dep for dep in deps]


def commit(root: Path, message: str) -> None:
    """Commit all that git sees."""
    workspace.run(root, "git", "add", "-A")
    workspace.run(root, "git", "commit", "-q", "-m", message)


def push_everything(root: Path) -> None:
    """Have `dvc push` take the intermediate tables along, too."""
    file = root / "dvc.yaml"
    text = file.read_text()
    assert "push: false" in text
    file.write_text(text.replace("push: false", "push: true"))
    commit(root, "Share everything")


def add_remote(root: Path, url: str, **options: str) -> None:
    """Give a pipeline a default remote, with options of it, and commit that."""
    workspace.run(root, "dvc", "remote", "add", "-d", "shared", url)
    for option, value in options.items():
        workspace.run(root, "dvc", "remote", "modify", "shared", option, value)
    commit(root, "Add a remote")


def clone(first: Path) -> Path:
    """Clone a pipeline, as a folder beside it."""
    workspace.run(first.parent, "git", "clone", "-q", str(first), "second")
    return first.parent / "second"


def empty_cache(root: Path) -> None:
    """Take all that was built from a pipeline, but for what git holds."""
    shutil.rmtree(root / ".dvc/cache")
    workspace.run(root, "git", "clean", "-fdXq", "data", "models")
