"""What the project keeps for itself is the user's alone, whatever the umask and whatever was there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from evobuild.core.outs import atomic_outputs
from evobuild.core.sqlite_cache import Measurements
from evobuild.models.progress import Progress
from evobuild.models.reply_cache import ReplyCache
from evobuild.models.usage import Usage


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    """A umask that forbids nothing, a usual one and a strict one."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty project."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("EVOBUILD_STORE", raising=False)
    monkeypatch.setattr("evobuild.models.progress.FOLDER", Path(".evobuild/progress"))
    return tmp_path


def use_all() -> None:
    """Write a reply cache, measurements, a lock and a file of progress, and look at the modes meanwhile."""
    with ReplyCache(Path(".evobuild/replies.sqlite"), "m") as cache, Measurements("m") as kept:
        kept.put(kept.key("a"), b"1")
        kept.flush()
        cache.put(b"k" * 16, b"value")
        cache.flush()
        with atomic_outputs(Path("out")) as (partial,):
            partial.touch()
        Progress("evolve", Usage("m", "evolver"), 1).close(True)
        assert modes() == {"-rw-------", "drwx------"}


def modes() -> set[str]:
    return {stat.filemode(path.stat().st_mode) for path in [Path(".evobuild"), *Path(".evobuild").rglob("*")]}


def test_what_is_new_is_private(here, umask):
    use_all()
    assert {path.name for path in Path(".evobuild").iterdir()} >= {"locks", "progress", "replies.sqlite"}


def test_what_an_older_version_left_wide_is_tightened(here):
    use_all()
    Path("out").unlink()
    for path in [Path(".evobuild"), *Path(".evobuild").rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    use_all()


def test_a_store_elsewhere_begins_private_and_keeps_the_mode_that_its_owner_gives_it(here, umask):
    file = here / "shared/replies.sqlite"
    for mode in ("-rw-------", "-rw-rw----"):
        with ReplyCache(file, "m"):
            assert stat.filemode(file.stat().st_mode) == mode
            assert stat.filemode(file.with_name("replies.sqlite-wal").stat().st_mode) == mode
        file.chmod(0o660)
