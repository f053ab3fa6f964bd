"""`evobuild upgrade`: a project on another version, with nothing of the user's lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import template
import workspace
import yaml
from workspace import ROOT

from evobuild import __main__ as command
from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.pipeline.declared_stages import import_declared_stages
from evobuild.cli.pipeline.lock_text import build_lock_text
from evobuild.cli.project.merging import merge_files
from evobuild.core import library
from evobuild.process import lock
from evobuild.process.version import __version__

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # DVC's own


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first stages are built."""
    root = tmp_path_factory.mktemp("started")
    with pytest.MonkeyPatch.context() as patch:
        shipped = template.lay_out(tmp_path_factory.mktemp("template"))
        patch.setattr(library, "template_folder", lambda: shipped)
        patch.chdir(root)
        for key, value in workspace.environment().items():
            if key.startswith("GIT_"):
                patch.setenv(key, value)
        command.main(["init", "mine"])
    workspace.run(root / "mine", "dvc", "repro", "rate@r0")
    return root


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The template of the installed version, to be edited."""
    folder = template.lay_out(tmp_path / "template")
    monkeypatch.setattr(library, "template_folder", lambda: folder)
    return folder


@pytest.fixture
def own(started: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, to stand in."""
    workspace.run(tmp_path, "cp", "-r", str(started / "mine"), "mine")
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine"


def locked(own: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((own / "evobuild.lock").read_text())
    return found


def other_lock(own: Path, stage: str) -> None:
    """Let a stage of a project be locked and built with another library."""
    was = locked(own)["stages"][stage]
    for file in (own / "evobuild.lock", own / "dvc.lock"):
        file.write_text(file.read_text().replace(was, "f" * 32))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_of_the_same_version_there_is_nothing_to_do(shipped: Path, own: Path, capsys) -> None:
    assert command.main(["upgrade", "--check"]) == 0
    assert capsys.readouterr().out == f"evobuild {__version__}: nothing to upgrade\n"


def test_a_library_that_is_not_installed_keeps_the_version_of_the_lock(
    shipped: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = lock.read_installed_version
    monkeypatch.setattr(
        "evobuild.cli.pipeline.lock_text.read_installed_version",
        lambda name: None if name in ("torch", "nltk") else installed(name),
    )
    stages, params = import_declared_stages(ROOT / "stages"), load_all_params(Path("params.yaml"))
    assert yaml.safe_load(build_lock_text(stages, params))["libraries"] == locked(own)["libraries"]


def test_a_lock_of_another_library_is_renewed_and_its_stages_are_named(
    shipped: Path, own: Path, capsys
) -> None:
    before = locked(own)
    for name in ("seed", "rate", "report"):
        other_lock(own, name)
    assert command.main(["upgrade"]) == 0
    said = capsys.readouterr().out
    assert "  renewed   evobuild.lock\n" in said
    stale = [line for line in said.partition("stale:\n")[2].splitlines() if line.startswith("  ")]
    assert stale == ["  seed     code", "  rate@r0  code"], "report was not built"
    assert locked(own) == before
    assert command.main(["upgrade"]) == 0
    assert "nothing to upgrade" in capsys.readouterr().out


def test_a_lock_that_differs_in_what_was_not_built_makes_nothing_stale(
    shipped: Path, own: Path, capsys
) -> None:
    other_lock(own, "report")
    assert command.main(["upgrade"]) == 0
    assert "stale:" not in capsys.readouterr().out


def test_a_check_writes_nothing(shipped: Path, own: Path) -> None:
    other_lock(own, "seed")
    edit(shipped / "stages/seed.py", '"""', '"""New. ')
    workspace.run(own, "git", "add", "-A")
    assert command.main(["upgrade", "--check"]) == 1
    assert workspace.run(own, "git", "diff") == ""


def test_what_only_the_new_version_changed_is_taken(shipped: Path, own: Path, capsys) -> None:
    edit(shipped / "stages/seed.py", '"""', '"""New. ')
    edit(shipped / "stages/rate.py", "made.write(height,", "made.write(int(height),")
    (shipped / "presets/new.yaml").write_text("about: new\nset: {select.by: ifd}\n")
    (shipped / "presets/cherry.yaml").unlink()
    assert command.main(["upgrade"]) == 0
    said = capsys.readouterr().out
    assert (own / "stages/seed.py").read_text().startswith('"""New. ')
    assert (own / "presets/new.yaml").is_file() and not (own / "presets/cherry.yaml").exists()
    assert "  updated   stages/seed.py\n" in said and "  removed   presets/cherry.yaml\n" in said
    assert "  rate@r0  code\n" in said and "  seed " not in said, "a docstring changes no result"


def test_both_changes_stand_in_a_merged_file(shipped: Path, own: Path, capsys) -> None:
    edit(shipped / "params.yaml", "random_seed: 42", "random_seed: 43")
    edit(own / "params.yaml", "  examples: 6 ", "  examples: 7 ")
    assert command.main(["upgrade"]) == 0
    params = workspace.params(own)
    assert (params["random_seed"], params["report"]["examples"]) == (43, 7)
    said = capsys.readouterr().out
    assert "  merged    params.yaml\n" in said
    assert "  seed     random_seed\n" in said


def test_a_conflict_is_marked_in_the_file_and_listed(shipped: Path, own: Path, capsys) -> None:
    edit(shipped / "params.yaml", "random_seed: 42", "random_seed: 43")
    edit(own / "params.yaml", "random_seed: 42", "random_seed: 7")
    assert command.main(["upgrade"]) == 1
    assert "  conflict  params.yaml\n" in capsys.readouterr().out
    text = (own / "params.yaml").read_text()
    assert "<<<<<<< yours\nrandom_seed: 7 " in text and "random_seed: 43" in text
    edit(own / "params.yaml", text[text.index("<<<<<<<") : text.index(">>>>>>>")], "random_seed: 7\n# ")
    assert command.main(["upgrade"]) == 0, "what was merged once is not merged again"


def test_outside_a_project_there_is_nothing_to_upgrade(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.main(["upgrade"]) == 1
    assert (
        ".evobuild-base.zip: no such file; run in a project that evobuild init made"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("own", "base", "theirs", "how", "content"),
    [
        (b"1", b"1", b"2", "updated", b"2"),
        (None, None, b"2", "added", b"2"),
        (b"1", b"1", None, "removed", None),
        (b"own\n1\n2\n3\n4\n", b"1\n2\n3\n4\n", b"1\n2\n3\n4\nnew\n", "merged", b"own\n1\n2\n3\n4\nnew\n"),
        (b"own", b"1", None, "dropped", None),
        (None, b"1", b"2", "deleted", None),
    ],
)
def test_a_file_is_merged_by_who_changed_it(tmp_path: Path, own, base, theirs, how, content) -> None:
    if own is not None:
        (tmp_path / "a").write_bytes(own)
    versions = ({"a": text} if text is not None else {} for text in (base, theirs))
    [change] = merge_files(tmp_path, *versions, ("old", "new"))
    assert (change.how, change.content) == (how, content)
    assert change.written is (how not in ("dropped", "deleted"))


@pytest.mark.parametrize(
    ("own", "base", "theirs"), [(b"own", b"1", b"1"), (b"2", b"1", b"2"), (None, b"1", b"1")]
)
def test_what_no_side_or_both_changed_alike_stays(tmp_path: Path, own, base, theirs) -> None:
    if own is not None:
        (tmp_path / "a").write_bytes(own)
    assert list(merge_files(tmp_path, {"a": base}, {"a": theirs}, ("old", "new"))) == []


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a").write_bytes(b"1")
    (tmp_path / "prompts").symlink_to("elsewhere")
    [change] = merge_files(tmp_path, {"prompts/a": b"1"}, {"prompts/a": b"2"}, ("old", "new"))
    assert (change.how, change.written) == ("link", False)


def test_two_sides_that_added_a_file_conflict(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"own\n")
    [change] = merge_files(tmp_path, {}, {"a": b"new\n"}, ("old", "new"))
    assert change.how == "conflict"
    assert change.content == b"<<<<<<< yours\nown\n=======\nnew\n>>>>>>> new\n"
