"""What a plan with overrides sees, and that it leaves the workspace alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import workspace
import yaml

from evobuild.cli.overrides import overridden_params
from evobuild.cli.plan import plan
from evobuild.core.errors import BadParams

# DVC's own, of a library of its.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")

LINE = {
    "stages": {
        "check": {"cmd": "touch check.txt", "deps": ["params.yaml"], "outs": ["check.txt"]},
        "a": {"cmd": "cp params.yaml a.txt", "deps": ["check.txt"], "params": ["a.x"], "outs": ["a.txt"]},
        "b": {
            "foreach": "${rounds}",
            "do": {"cmd": "touch ${key}.txt; : ${item.parent}", "deps": ["a.txt"], "outs": ["${key}.txt"]},
        },
        "c": {"cmd": "touch c.txt", "params": ["c"], "outs": ["c.txt"]},
    }
}
PARAMS = """# a comment
a: {x: 1, y: 1}
c: 0.1        # another
rounds: {r1: {parent: r0}}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A small line that is up to date."""
    root = tmp_path_factory.mktemp("plan")
    for name in (".dvc/config", ".dvc/.gitignore"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes((workspace.ROOT / name).read_bytes())
    (root / "dvc.yaml").write_text(yaml.safe_dump(LINE, sort_keys=False))
    (root / "params.yaml").write_text(PARAMS)
    workspace.commit(root)
    workspace.run(root, sys.executable, "-m", "dvc", "repro", "-q")
    return root


@pytest.fixture
def here(built, monkeypatch):
    """The line as the current folder."""
    monkeypatch.chdir(built)
    return built


def stale(*overrides: str) -> dict[str, bool]:
    """Stale stages by name, and whether what they read is current."""
    with overridden_params(overrides) as params:
        return {
            stage.addressing: fresh for stage, fresh in plan._list_stale((), {Path("params.yaml"): params})
        }


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), {}),
        (("a.x=1",), {}),
        (("a.y=2",), {"check": True}),
        (("a.x=2",), {"check": True, "a": True, "b@r1": False}),
        (("c=0.2",), {"check": True, "c": True}),
        (("rounds.r1.parent=r9",), {"check": True, "b@r1": True}),
        (("+rounds.r2={parent: r1}",), {"check": True, "b@r2": True}),
        (("~rounds.r1",), {"check": True}),
    ],
)
def test_a_plan_sees_the_overrides_and_nothing_else_changes(here, overrides, expected):
    # What DVC keeps for itself, in the repository and in its site cache, is its own affair.
    files = [path for path in here.rglob("*") if not {".dvc", ".evobuild"} & set(path.parts)]
    before = {path: path.stat().st_mtime_ns for path in files}
    assert stale(*overrides) == expected
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert Path("params.yaml").read_text() == PARAMS
    assert stale() == {}


@pytest.mark.parametrize("overrides", [("a.x",), ("none.x=1",), ("a.x=[",), ("~rounds.r7",), ("=",)])
def test_an_override_that_cannot_be_is_said(here, overrides):
    with pytest.raises(BadParams, match=r"^-S "):
        stale(*overrides)
    assert Path("params.yaml").read_text() == PARAMS


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("+pools.autoif={}", "pools: unknown round or branch 'autoif'"),
        ("rounds.r1.parent=r9", "rounds.r1.parent: unknown round 'r9'"),
    ],
)
def test_a_pool_or_parent_that_nothing_makes_is_said(tmp_path, monkeypatch, override, said):
    workspace.lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadParams, match=f"^params.yaml: {said}"):
        plan.plan_stages([override])


WATCHED: list[str] = []
_writes: list[str] = []


def _note(event: str, arguments: tuple[object, ...]) -> None:
    """Note what would change a watched file. An audit hook stays for good, so it looks at WATCHED."""
    if not WATCHED or event not in ("open", "os.rename", "os.remove", "os.truncate", "os.link"):
        return
    flags = arguments[2] if event == "open" else os.O_WRONLY
    # A temporary folder is removed by its descriptor, all else by path.
    paths = arguments[:1] if event == "open" else arguments[:2]
    if event != "open" and arguments[-1] != -1:
        return
    if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_TRUNC):
        _writes.extend(str(path) for path in paths if Path(str(path)).name in WATCHED)


def test_no_moment_of_a_plan_can_leave_other_params_behind(here):
    """Nothing opens params.yaml for writing, renames or removes it: there is no moment to be killed in."""
    sys.addaudithook(_note)
    WATCHED.append("params.yaml")
    try:
        Path("elsewhere").mkdir()
        Path("elsewhere/params.yaml").write_text("seen by the hook")
        assert _writes.pop() == "elsewhere/params.yaml"
        assert "a" in stale("a.x=2")
    finally:
        WATCHED.clear()
    assert _writes
    assert [path for path in _writes if not Path(path).parent.name.startswith("evobuild-params-")] == []
