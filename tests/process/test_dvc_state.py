"""A site cache of DVC that others may write in, and a damaged file of locks, are reported."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import workspace

from evobuild.cli.plan import plan
from evobuild.core.errors import UserError
from evobuild.process import dvc_state


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of DVC without any stage; the current folder."""
    root = tmp_path / "project"
    (root / ".dvc/tmp").mkdir(parents=True)
    (root / ".dvc/config").touch()
    (root / "dvc.yaml").write_text("stages: {}\n")
    workspace.run(root, "git", "init", "-q")
    monkeypatch.chdir(root)
    for name in ("DVC_ROOT", "DVC_SITE_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return root


def open_to_others(folder: Path) -> None:
    """Let others into a folder of a test: pytest's own let nobody in."""
    root = Path(tempfile.gettempdir()).resolve()
    for each in (folder, *folder.parents):
        if root in each.parents:
            each.chmod(0o755)


@pytest.mark.parametrize(
    ("modes", "shared"),
    [
        ({".": 0o755, "site": 0o755, "site/repo": 0o777}, True),
        ({".": 0o755, "site": 0o755, "site/repo": 0o775}, True),
        ({".": 0o755, "site": 0o777}, True),
        ({".": 0o755, "site": 0o755, "site/repo": 0o755}, False),
        ({".": 0o755, "site": 0o700, "site/repo": 0o777}, False),
        ({".": 0o700, "site": 0o777, "site/repo": 0o777}, False),
        ({".": 0o755}, False),
    ],
)
def test_a_site_cache_is_shared_where_others_may_write_and_can_get_there(tmp_path, modes, shared):
    open_to_others(tmp_path)
    for path, mode in modes.items():
        (tmp_path / path).mkdir(exist_ok=True)
        (tmp_path / path).chmod(mode)
    assert dvc_state.is_shared(tmp_path / "site") == shared


def test_dvcs_own_place_is_warned_of_and_a_private_one_is_not(repository, tmp_path, monkeypatch):
    site = tmp_path / "site"
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(site))
    subprocess.run([sys.executable, "-m", "dvc", "status", "-q"], check=True)
    assert (site / "repo").stat().st_mode & 0o777 == 0o777
    open_to_others(tmp_path)
    assert str(site) in dvc_state.warning_of_shared_site_cache()
    site.chmod(0o700)
    assert dvc_state.warning_of_shared_site_cache() == ""


def test_our_commands_give_dvc_a_private_one_unless_it_has_its_place(repository, monkeypatch):
    dvc_state.use_private_site_cache()
    own = repository / ".evobuild/dvc"
    assert os.environ.pop("DVC_SITE_CACHE_DIR") == str(own)
    assert own.stat().st_mode & 0o777 == 0o700
    assert own.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", "elsewhere")
    dvc_state.use_private_site_cache()
    assert os.environ.pop("DVC_SITE_CACHE_DIR") == "elsewhere"
    Path(".dvc/config").write_text("[core]\n    site_cache_dir = /configured\n")
    dvc_state.use_private_site_cache()
    assert "DVC_SITE_CACHE_DIR" not in os.environ
    assert dvc_state.site_cache() == Path("/configured")


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")
def test_dvc_says_what_is_stale_in_a_project_that_may_only_be_read(repository, monkeypatch):
    Path("dvc.yaml").write_text("stages: {a: {cmd: touch a, outs: [a]}}\n")
    monkeypatch.setattr(os, "access", lambda path, mode: not Path(path).is_relative_to(repository))
    with dvc_state.open_repo() as repo:
        assert list(repo.status()) == ["a"]
    assert not Path(os.environ.pop("DVC_SITE_CACHE_DIR")).is_relative_to(repository)
    assert not list(repository.glob(".dvc/tmp/*lock*"))


def test_a_project_that_may_only_be_read_is_not_built(repository, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(UserError, match=rf"{repository}: cannot be written; build in a copy"):
        dvc_state.check_writable(Path())


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")
@pytest.mark.parametrize("content", [b"", b'{"read": {', b"[]", b"\xff"])
def test_a_file_of_locks_that_a_killed_dvc_left_is_said_with_what_to_do(repository, content):
    Path("dvc.yaml").write_text("stages: {a: {cmd: touch a, outs: [a]}}\n")
    file = Path(".dvc/tmp/rwlock")
    for sound in (None, b"{}", b'{"read": {}, "write": {}}'):
        file.unlink(missing_ok=True) if sound is None else file.write_bytes(sound)
        assert dvc_state.damaged_rwlock() == ""
    file.write_bytes(content)
    assert dvc_state.damaged_rwlock().startswith(f"{repository}/.dvc/tmp/rwlock was left damaged")
    with pytest.raises(UserError, match=r"rwlock was left damaged by a DVC that was killed; .* remove it"):
        plan._list_stale((), {})


@pytest.mark.parametrize("name", ["a{b}", "a}", "{"])
def test_a_path_on_which_dvc_fails_is_refused(tmp_path, monkeypatch, name):
    dvc_state.check_path(tmp_path / "%s $x")
    (tmp_path / name / "project").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / name)
    with pytest.raises(UserError, match="DVC fails in a folder whose path has a brace; rename or move"):
        dvc_state.check_path(Path("project"))
