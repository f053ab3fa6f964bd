"""A pipeline with the outs of dvc.yaml and none of its work: what is pushed and pulled, in seconds."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import workspace

FEW = workspace.SMALL | {"rounds": {"r1": {"parent": "r0"}}, "pools": {"r1": {}}, "branches": {}}
STUB = """    import dataclasses

    from evobuild.core.declaration import Out, argument_kinds

    kinds = argument_kinds(main)
    names = {name: getattr(args, name) for name, kind in kinds.items() if kind is str}
    for field in dataclasses.fields(args):
        if kinds[field.name] is Out:
            path, suffix = getattr(args, field.name), field.default.suffix
            path = path if suffix else path / "part.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}" if suffix == ".json" else str(field.default).format(**names))

"""
"""What each stage does in place of its work."""


def build(root: Path) -> None:
    """Lay the pipeline out in an empty folder, build it and commit it. Each stage writes names of outs."""
    workspace.lay_out(root)
    workspace.change_params(root, FEW)
    for script in (root / "stages").glob("[!_]*.py"):
        text = script.read_text()
        script.write_text(re.sub(r"(?s)(\ndef main\([^\n]*\n).*?(?=\nif __name__)", rf"\1{STUB}", text))
    workspace.run(root, "python", "-m", "evobuild", "pipeline")
    workspace.commit(root)
    workspace.run(root, "dvc", "repro", "-q")
    commit(root, "Build")


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
