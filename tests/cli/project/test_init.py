"""`evobuild init`: a project that DVC and git take as it is, or nothing."""

from __future__ import annotations

import errno
import json
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import template
import workspace
import yaml
from workspace import ROOT

from evobuild import __main__ as command
from evobuild.cli.project import init, repository
from evobuild.cli.project.template import BASE, PARTS, pack, read_shipped_files, unpack
from evobuild.core import library
from evobuild.core.errors import BadInput
from evobuild.process import lock
from evobuild.process.version import __version__


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of a wheel."""
    return template.lay_out(tmp_path_factory.mktemp("template"))


@pytest.fixture(autouse=True)
def home(shipped: Path, known_modules: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to begin in, and a git that knows its user."""
    for key, value in workspace.environment().items():
        if key.startswith("GIT_"):
            monkeypatch.setenv(key, value)
    own = tmp_path / "home"
    own.mkdir()
    monkeypatch.chdir(own)
    monkeypatch.setattr(library, "template_folder", lambda: shipped)
    return own


def begin(*words: str) -> int:
    return command.main(["init", *words])


def test_the_wheel_holds_what_a_project_begins_with() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build["force-include"] == {part: f"evobuild/template/{part}" for part in (*PARTS, "evobuild.lock")}


def test_git_has_every_file_of_a_new_project(home: Path) -> None:
    assert begin("mine") == 0
    assert workspace.run(home / "mine", "git", "status", "--porcelain") == ""
    listed = set(workspace.run(home / "mine", "git", "ls-files").splitlines())
    assert listed == {*read_shipped_files(), "dvc.yaml", "evobuild.lock", ".evobuild-base.zip"}
    assert [path.name for path in home.iterdir()] == ["mine"]


def test_its_params_and_prompts_are_those_that_are_shipped(home: Path, shipped: Path) -> None:
    begin("mine")
    for name in ("params.yaml", "prompts/evolve/e0.jinja", "stages/seed.py", ".gitignore"):
        assert (home / "mine" / name).read_bytes() == (shipped / name).read_bytes()


def test_dvc_runs_there_at_once_and_again_only_what_another_library_makes_stale(home: Path) -> None:
    begin("mine")
    own = home / "mine"
    workspace.run(own, "dvc", "repro", "seed")
    assert "up to date" in workspace.run(own, "dvc", "repro", "seed")
    assert (own / "data/rounds/r0.parquet").is_file()
    text = (own / "evobuild.lock").read_text()
    digests = yaml.safe_load(text)["stages"]
    (own / "evobuild.lock").write_text(text.replace(digests["rate"], "0" * 32))
    assert "seed" not in json.loads(workspace.run(own, "dvc", "status", "--json", "seed"))
    (own / "evobuild.lock").write_text(text.replace(digests["seed"], "0" * 32))
    assert "seed" in json.loads(workspace.run(own, "dvc", "status", "--json", "seed"))
    (own / "evobuild.lock").write_text(text.replace(digests["check"], "0" * 32))
    said = workspace.run(own, "dvc", "repro", "check", expect=255)
    assert "evobuild.lock: the stage check has other code; renew it with: evobuild pipeline" in said


@pytest.mark.parametrize("name", ["own rows.jsonl", "sample.jsonl", "$(id).csv"])
def test_seed_data_is_copied_and_its_columns_are_written(home: Path, name: str, capsys) -> None:
    rows = [("How do I sort a list?", "With sorted()."), ("Name a river.", "The Main.")]
    if name.endswith(".csv"):
        text = "question_text,reply\n" + "".join(f'"{a}","{b}"\n' for a, b in rows)
    else:
        text = "".join(json.dumps({"question_text": a, "reply": b}) + "\n" for a, b in rows)
    (home / name).write_text(text)
    assert begin("mine", "--seed", name) == 0
    params = workspace.params(home / "mine")
    assert params["seed"]["columns"] == {"instruction": "question_text", "output": "reply"}
    copy = home / "mine" / params["seed"]["source"]
    assert (copy.read_text(), copy.parent) == (text, home / "mine/data/raw")
    assert workspace.run(home / "mine", "git", "status", "--porcelain") == ""
    assert str(copy.relative_to(home / "mine")) in workspace.run(home / "mine", "git", "ls-files")
    assert "question_text" in capsys.readouterr().out
    assert (home / "mine/data/raw/sample.jsonl").read_bytes() == (ROOT / "data/raw/sample.jsonl").read_bytes()


def test_large_seed_data_stays_where_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "own.jsonl").write_text('{"instruction": "Name a river.", "output": "The Main."}\n')
    monkeypatch.setattr(init, "MOST_COPIED", 10)
    begin("mine", "--seed", "own.jsonl")
    assert workspace.params(home / "mine")["seed"]["source"] == str(home / "own.jsonl")


def test_changes_of_params_come_last_and_leave_the_rest_as_it_is(home: Path, shipped: Path) -> None:
    words = [
        "-S",
        "models.judge=openai:gpt-4o",
        "-S",
        "select.share=0.75",
        "-S",
        "+evaluate.models.gpt=openai:x",
    ]
    assert begin("mine", "--preset", "cherry", *words) == 0
    params = workspace.params(home / "mine")
    assert (params["models"]["judge"], params["select"]["share"]) == ("openai:gpt-4o", 0.75)
    assert params["evaluate"]["models"]["gpt"] == "openai:x"
    text = (home / "mine/params.yaml").read_text()
    assert text.count("#") == (shipped / "params.yaml").read_text().count("#"), "every comment"


def test_a_preset_sets_its_params(home: Path) -> None:
    assert begin("mine", "--preset", "cherry") == 0
    assert workspace.params(home / "mine")["select"]["share"] == 0.05


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["full"], "full: is not empty, it holds letter.txt; expected a new folder, or an empty one"),
        (["full/letter.txt"], "is not a folder; expected the name of a new one"),
        (["new", "-S", "select.shares=1"], "-S select.shares=1: "),
        (["new", "--preset", "chery"], "unknown preset 'chery'; "),
        (["new", "--seed", "none.jsonl"], "none.jsonl"),
        (["new", "--seed", "full/letter.txt"], "letter.txt"),
    ],
)
def test_what_does_not_fit_is_said_and_leaves_nothing(home: Path, words, said, capsys) -> None:
    (home / "full").mkdir()
    (home / "full/letter.txt").write_text("Dear Ada")
    assert begin(*words) == 1
    assert said in capsys.readouterr().err
    assert [path.name for path in home.rglob("*")] == ["full", "letter.txt"]


def test_what_is_still_to_be_installed_is_said(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert begin("mine") == 0
    remarks = [line for line in capsys.readouterr().out.splitlines() if line.startswith("! ")]
    assert len(remarks) == 1 and "pip install 'evobuild[train,diversity]'" in remarks[0]


def test_an_empty_repository_is_taken_as_it_is(home: Path) -> None:
    (home / "mine").mkdir()
    workspace.run(home / "mine", "git", "init", "-q", "-b", "trunk")
    assert begin("mine") == 0
    assert workspace.run(home / "mine", "git", "log", "--format=%D").strip() == "HEAD -> trunk"


def test_a_folder_on_a_file_system_of_its_own_becomes_a_project(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount, rename = home / "mount", Path.rename

    def rename_within(path: Path, target: Path) -> Path:
        if path.is_relative_to(mount) != target.absolute().is_relative_to(mount):
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(path))
        return rename(path, target)

    mount.mkdir()
    monkeypatch.setattr(Path, "rename", rename_within)
    assert begin("mount") == 0
    assert (mount / "params.yaml").is_file() and not list(mount.glob(".evobuild-*.partial"))


def test_a_folder_of_a_repository_gets_none_of_its_own(home: Path, capsys) -> None:
    workspace.run(home, "git", "init", "-q")
    assert begin("mine") == 0
    assert not (home / "mine/.git").exists()
    assert "it is inside a git repository" in capsys.readouterr().out


def test_without_an_author_all_is_staged(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
        monkeypatch.delenv(f"GIT_{name}")
    monkeypatch.setenv("EMAIL", "")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    assert begin("mine") == 0
    assert "has no author yet" in capsys.readouterr().out
    assert "A  params.yaml" in workspace.run(home / "mine", "git", "status", "--porcelain")


def test_without_git_nothing_is_made(home: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(repository.shutil, "which", lambda name: None)
    assert begin("mine") == 1
    assert "git: not found; install it" in capsys.readouterr().err
    assert not (home / "mine").exists()


def test_files_are_packed_the_same_each_time_and_read_again(home: Path) -> None:
    files = {"b/ü.txt": b"2", "a.txt": b"1"}
    assert pack(files) == pack(dict(reversed(files.items())))
    (home / "base.zip").write_bytes(pack(files))
    assert unpack(home / "base.zip") == files


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pack({"../a": b""}), pack({"/a": b""})])
def test_a_base_that_is_damaged_is_refused(home: Path, content: bytes) -> None:
    (home / BASE).write_bytes(content)
    with pytest.raises(BadInput, match=r"\.evobuild-base\.zip: "):
        unpack(home / BASE)


def test_the_lock_names_what_is_installed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin("mine")
    monkeypatch.chdir("mine")
    locked = lock.read_lock()
    assert locked["version"] == __version__
    assert locked["libraries"]["numpy"] == metadata.version("numpy")
    assert locked["stages"] == yaml.safe_load((ROOT / "evobuild.lock").read_text())["stages"]
