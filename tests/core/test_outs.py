"""Where a stage may write: in place of its own outs, and of nothing else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from evobuild.core import stage
from evobuild.core.declaration import Out, out
from evobuild.core.errors import UserError
from evobuild.core.outs import atomic_outputs
from evobuild.core.params import StageParams


class Params(StageParams):
    pass


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rows: Path = Path("data/rounds")
    page: Out = out("data/page.html")
    folder: Out = out("data/pages")


def main(params: Params, args: Arguments) -> None:
    """Write a file and a folder."""
    args.page.write_text("new")
    args.folder.mkdir()
    (args.folder / "new").touch()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A project in a folder with other things; all that may not vanish is in it."""
    (tmp_path / "beside").write_text("mine")
    root = tmp_path / "project"
    for folder in ("data/rounds", "data/raw", "notes", "stages"):
        (root / folder).mkdir(parents=True)
    for file in (
        "params.yaml",
        "data/rounds/r0.parquet",
        "data/raw/sample.jsonl",
        "notes/a",
        "stages/check.py",
    ):
        (root / file).write_text("{}")
    (root / "behind").symlink_to("notes")
    (root / "link").symlink_to("params.yaml")
    (root / "data/dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(root / "data/fifo")
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(tmp_path))
    return root


def call(**given: object) -> None:
    stage.call_stage(main, Path("params.yaml"), {name: str(value) for name, value in given.items()})


def entries(folder: Path) -> dict[str, bytes]:
    """All that lies in a folder but for locks: path to content."""
    found = (path for path in sorted(folder.rglob("*")) if ".evobuild" not in path.parts)
    return {
        str(path): path.read_bytes() if path.is_file() else os.fsencode(os.path.realpath(path))
        for path in found
    }


FOREIGN = [
    "..",
    ".",
    "/",
    "~",
    "../..",
    "notes",
    "notes/a",
    "notes/..",
    "new/..",
    "new/../params.yaml",
    "./params.yaml",
    "stages/check.py",
    "data",
    "data/raw",
    "data/raw/sample.jsonl",
    "data/rounds",
    "data/rounds/r1",
    "data/fifo",
    "data/dangling",
    "link",
    "behind",
    "behind/new",
    "behind/a",
    "../project",
    "../beside",
    "data/rounds/../raw",
    "{root}",
    "{root}/params.yaml",
    "{root}/../beside",
    "/dev/null",
    "/etc/hostname",
]


@pytest.mark.parametrize("option", ["page", "folder"])
@pytest.mark.parametrize("path", FOREIGN)
def test_what_is_no_out_is_neither_replaced_nor_removed(here, path, option):
    before = entries(here.parent)
    with pytest.raises(UserError) as caught:
        call(**{option: Path(path.format(root=here)).expanduser()})
    assert len(str(caught.value).splitlines()) == 1
    assert entries(here.parent) == before


@pytest.mark.parametrize(
    ("page", "folder"),
    [("data/x", "data/x"), ("data/x/y", "data/x"), ("data/x", "data/x/y"), ("data/x", "data/../data/./x")],
)
def test_outs_lie_side_by_side(here, page, folder):
    before = entries(here)
    with pytest.raises(UserError, match="read or written, too"):
        call(page=page, folder=folder)
    assert entries(here) == before


def test_a_declared_out_is_replaced_by_one_of_its_kind(here):
    for _ in range(2):
        Path("data/pages").mkdir(exist_ok=True)
        Path("data/pages/old").touch()
        Path("data/page.html").write_text("old")
        call()
        assert Path("data/page.html").read_text() == "new"
        assert [path.name for path in Path("data/pages").iterdir()] == ["new"]


@pytest.mark.parametrize("path", ["data/page.html", "data/pages"])
def test_a_declared_out_of_another_kind_stays(here, path):
    Path("data/page.html" if path == "data/pages" else "data/pages").mkdir()
    (Path(path).mkdir if path == "data/page.html" else Path(path).touch)()
    before = entries(here)
    with pytest.raises(UserError, match="it is not a"):
        call()
    assert entries(here) == before


@pytest.mark.parametrize("root", ["data", "elsewhere/deep", "../beside-too"])
def test_at_another_path_only_what_a_stage_wrote_there_is_replaced(here, root):
    page, folder = Path(root, "other.html"), Path(root, "others")
    for _ in range(2):
        call(page=page, folder=folder)
    (folder / "new").write_text("edited")
    with pytest.raises(UserError, match="no stage wrote it so"):
        call(page=page, folder=folder)
    page.write_text("edited")
    with pytest.raises(UserError, match="no stage wrote it so"):
        call(page=page, folder="data/other")
    assert page.read_text() == "edited"
    assert not Path("data/other").exists()


def test_a_folder_does_not_take_the_place_of_a_file_that_a_stage_wrote(here):
    call(page="made", folder="makes")
    with pytest.raises(UserError, match="it is not a folder"):
        call(page="other", folder="made")
    assert Path("made").read_text() == "new"
    assert not Path("other").exists()


def test_what_a_killed_run_left_is_no_hindrance(here):
    Path("data/.page.html.partial").mkdir()
    Path("data/.pages.partial").symlink_to(here / "notes")
    call()
    assert Path("notes/a").exists()
    assert Path("data/page.html").read_text() == "new"


def test_the_temporary_path_of_an_out_is_no_input(here):
    Path("data/.page.html.partial").mkdir()
    with pytest.raises(UserError, match="read or written, too"):
        call(rows="data/.page.html.partial")
    with (
        pytest.raises(UserError, match="read or written, too"),
        atomic_outputs(Path(".x.partial"), Path("x")),
    ):
        raise AssertionError
