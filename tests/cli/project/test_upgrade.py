"""`evobuild upgrade`: a project on another version, with nothing of the user's lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import template
import workspace

from evobuild import __main__ as command
from evobuild.cli.project.lock import lock_text
from evobuild.cli.project.merging import merge_files
from evobuild.cli.project.staleness import Changed, leaves, stale_stages
from evobuild.cli.resolve import settings
from evobuild.core import library

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
    workspace.run(root / "mine", "dvc", "repro", "resolve")
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


def other_library(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """Install a library with another content in a folder."""
    digests = library.library_digests() | {folder: "f" * 32}
    monkeypatch.setattr(library, "library_digests", lambda: digests)
    monkeypatch.setattr("evobuild.cli.project.lock.library_digests", lambda: digests)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_of_the_same_version_there_is_nothing_to_do(shipped: Path, own: Path, capsys) -> None:
    assert command.main(["upgrade", "--check"]) == 0
    assert capsys.readouterr().out == f"evobuild {library.__version__}: nothing to upgrade\n"


def installed(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    """Install these libraries, and no others of those that compute something."""
    monkeypatch.setattr(library, "library_versions", lambda: versions)
    monkeypatch.setattr("evobuild.cli.project.lock.library_versions", lambda: versions)


def test_an_extra_that_was_added_or_removed_makes_nothing_stale(
    shipped: Path, own: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    extras = dict.fromkeys(("faiss-cpu", "langdetect", "lm-eval", "math-verify", "nltk"), "1.0")
    bare = {name: version for name, version in library.library_versions().items() if name not in extras}
    installed(monkeypatch, bare)
    library.LOCK.write_text(lock_text())
    before = settings.resolve_settings(Path("params.yaml"), 0)
    for versions in (bare | extras, {name: bare[name] for name in bare if name != "torch"}):
        installed(monkeypatch, versions)
        assert command.main(["upgrade", "--check"]) == 0
        assert "nothing to upgrade" in capsys.readouterr().out
        assert settings.resolve_settings(Path("params.yaml"), 0) == before


def test_another_version_of_a_library_is_locked_and_what_is_not_here_stays(
    shipped: Path, own: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    versions = library.library_versions() | {"numpy": "9.0"}
    del versions["torch"]
    installed(monkeypatch, versions)
    before = library.read_lock()["libraries"]
    assert command.main(["upgrade", "--check"]) == 1
    said = capsys.readouterr().out
    assert f"numpy {before['numpy']} -> 9.0" in said and "torch" not in said
    assert command.main(["upgrade"]) == 0
    assert library.read_lock()["libraries"] == before | {"numpy": "9.0"}


def test_another_content_of_a_folder_is_locked_and_its_stages_are_named(
    shipped: Path, own: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    other_library(monkeypatch, "seeds")
    assert command.main(["upgrade"]) == 0
    said = capsys.readouterr().out
    assert "  other content: seeds\n" in said
    assert "  seed  library: seeds\n" in said
    assert library.read_lock()["seeds"] == "f" * 32
    assert "seed" in json.loads(workspace.run(own, "dvc", "status", "--json", "seed"))
    assert command.main(["upgrade"]) == 0
    assert "nothing to upgrade" in capsys.readouterr().out


def test_a_check_writes_nothing(shipped: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other_library(monkeypatch, "seeds")
    edit(shipped / "stages/seed.py", '"""', '"""New. ')
    workspace.run(own, "git", "add", "-A")
    assert command.main(["upgrade", "--check"]) == 1
    assert workspace.run(own, "git", "diff") == ""


def test_what_only_the_new_version_changed_is_taken(shipped: Path, own: Path, capsys) -> None:
    edit(shipped / "stages/seed.py", '"""', '"""New. ')
    (shipped / "presets/new.yaml").write_text("about: new\nset: {select.by: ifd}\n")
    (shipped / "presets/cherry.yaml").unlink()
    assert command.main(["upgrade"]) == 0
    said = capsys.readouterr().out
    assert (own / "stages/seed.py").read_text().startswith('"""New. ')
    assert (own / "presets/new.yaml").is_file() and not (own / "presets/cherry.yaml").exists()
    assert "  updated   stages/seed.py\n" in said and "  removed   presets/cherry.yaml\n" in said
    assert "  seed  stages/seed.py\n" in said


def test_both_changes_stand_in_a_merged_file(shipped: Path, own: Path, capsys) -> None:
    edit(shipped / "params.yaml", "random_seed: 42", "random_seed: 43")
    edit(own / "params.yaml", "  examples: 6 ", "  examples: 7 ")
    assert command.main(["upgrade"]) == 0
    params = workspace.params(own)
    assert (params["random_seed"], params["report"]["examples"]) == (43, 7)
    said = capsys.readouterr().out
    assert "  merged    params.yaml\n" in said
    assert "  seed  params.yaml: random_seed\n" in said


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
    assert "evobuild.lock: no such file; run in a project that evobuild init made" in capsys.readouterr().err


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


def test_reasons_are_by_what_a_stage_reads_under_its_settings(own: Path) -> None:
    """`seed` alone is built: what is not, is to be run anyway."""
    changed = Changed({"seeds", "autoif"}, {"torch"}, {"stages/seed.py", "stages/rate.py"}, {"seed.rows"})
    reasons, after = stale_stages(changed)
    assert reasons == {
        "seed": ["library: seeds", "stages/seed.py", "other libraries: torch", "params.yaml: seed.rows"]
    }
    assert after == []


def test_a_stage_is_reached_by_what_its_settings_name(own: Path) -> None:
    workspace.run(own, "dvc", "repro", "rate@r0")
    prompt, key = "prompts/judge/difficulty_level.jinja", "rate.temperature"
    for changed, reason in (
        (Changed({"scoring"}, set(), set(), set()), "library: scoring"),
        (Changed(set(), set(), {prompt}, set()), prompt),
        (Changed(set(), set(), set(), {key}), f"params.yaml: {key}"),
    ):
        assert stale_stages(changed) == ({"rate@r0": [reason]}, [])
    assert stale_stages(Changed({"evolution"}, set(), set(), {"respond.temperature"})) == ({}, [])
    reasons, after = stale_stages(Changed(set(), set(), {"stages/seed.py"}, set()))
    assert (list(reasons), after) == (["seed"], ["rate@r0"])


def test_values_are_told_by_dotted_key() -> None:
    assert leaves({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "a.c": {}, "d": [2]}
