"""What DVC keeps beside its cache: a site cache, which others must not write, and a file of its locks.

DVC's site cache is in /var/tmp/dvc unless configured otherwise, in a folder that it makes writable for
everyone. Files there are unpickled, so whoever writes it runs code as the user who calls DVC next. A
folder that only its owner may enter ends that: DVC leaves the mode of a folder that is there as it is.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from evobuild.core.errors import UserError
from evobuild.core.machine import repository_root
from evobuild.core.private_files import OTHERS, private_folder

if TYPE_CHECKING:
    from dvc.fs import FileSystem
    from dvc.repo import Repo

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
VARIABLE = "DVC_SITE_CACHE_DIR"
OTHERS_WRITE = 0o022


def site_cache() -> Path:
    """Locate DVC's site cache: $DVC_SITE_CACHE_DIR, else core.site_cache_dir, else DVC's default."""
    from dvc.config import Config, ConfigError
    from dvc.dirs import site_cache_dir

    try:
        configured = Config.from_cwd()["core"].get("site_cache_dir")
    except ConfigError:
        configured = None
    return Path(site_cache_dir(configured))


def is_shared(folder: Path) -> bool:
    """Whether others may write in DVC's site cache: in it or in its `repo`, and none may keep them out."""
    inside = [path for path in (folder / "repo", folder) if path.exists()]
    above = [path for path in (folder, *folder.absolute().parents) if path.exists()]
    closed = any(path.stat().st_uid == os.geteuid() and not path.stat().st_mode & OTHERS for path in above)
    foreign = any(path.stat().st_uid not in (0, os.geteuid()) for path in inside)
    return foreign or (not closed and any(path.stat().st_mode & OTHERS_WRITE for path in inside))


def use_private_site_cache() -> None:
    """Have DVC keep its site cache in `.evobuild/dvc`, unless it was told of another place.

    In a project that may only be read it is a temporary folder of this process.
    """
    from dvc.config import Config, ConfigError

    try:
        if Config.from_cwd()["core"].get("site_cache_dir"):
            return
    except ConfigError:
        return
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = str(_private_site_cache(repository_root() / ".evobuild" / "dvc"))


def _private_site_cache(folder: Path) -> Path:
    try:
        private_folder(folder)
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
    if os.access(folder, os.W_OK):
        return folder
    return _temporary_folder()


def _temporary_folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="evobuild-dvc-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@contextmanager
def open_repo(fs: FileSystem | None = None) -> Iterator[Repo]:
    """Open DVC's repository with a private site cache. One that may only be read is locked elsewhere.

    fs: the file system that DVC is to see instead of this machine's.
    """
    from dvc.lock import LockNoop
    from dvc.repo import Repo

    use_private_site_cache()
    with Repo(fs=fs) as repo:
        if not os.access(repo.tmp_dir, os.W_OK):
            repo.lock, repo.tmp_dir = LockNoop(), str(_temporary_folder())
        yield repo


def warning_of_shared_site_cache() -> str:
    """Format a warning if others may write in DVC's site cache, else ''."""
    folder = site_cache()
    if not is_shared(folder):
        return ""
    return (
        f"warning: others may write in DVC's site cache, {folder}, and so run code as you; "
        f"set {VARIABLE} to a folder of mode 0700 (docs/sharing.md)"
    )


def check_path(folder: Path) -> None:
    """Raise UserError if DVC (3.67) fails in a folder: its progress bars take a brace for a field."""
    path = folder.absolute()
    if set("{}") & set(str(path)):
        raise UserError(f"{path}: DVC fails in a folder whose path has a brace; rename or move the project")


def check_writable(folder: Path) -> None:
    """Raise UserError if a project cannot be built, or pulled into, since its folder may only be read."""
    if not os.access(folder, os.W_OK):
        raise UserError(
            f"{folder.absolute()}: cannot be written; build in a copy of the project, or make it writable"
        )


def damaged_rwlock() -> str:
    """Format what to do if a killed DVC left its file of locks empty or cut short, else ''."""
    file = repository_root() / ".dvc" / "tmp" / "rwlock"
    try:
        if isinstance(json.loads(file.read_text(encoding="utf-8")), dict):
            return ""
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        pass
    return f"{file} was left damaged by a DVC that was killed; once no DVC runs here, remove it and run again"
