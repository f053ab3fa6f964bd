"""What DVC keeps beside its cache: a site cache, which others must not write, and a file of its locks.

DVC's site cache is in /var/tmp/dvc unless it is told otherwise, in a folder that it makes writable for
everyone. What lies there is unpickled, so whoever writes it runs code as the user who calls DVC next. A
folder that only its owner may enter ends that: DVC leaves the mode of a folder that is there as it is.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.core.machine import repository_root
from evobuild.core.private_files import OTHERS, private_folder

VARIABLE = "DVC_SITE_CACHE_DIR"
OTHERS_WRITE = 0o022


def site_cache() -> Path:
    """The folder of DVC's site cache: $DVC_SITE_CACHE_DIR, else core.site_cache_dir, else DVC's own."""
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
    """Have DVC keep its site cache in `.evobuild/dvc`, unless it was told of another place."""
    from dvc.config import Config, ConfigError

    try:
        if Config.from_cwd()["core"].get("site_cache_dir"):
            return
    except ConfigError:
        return
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = str(private_folder(repository_root() / ".evobuild" / "dvc"))


def warning_of_shared_site_cache() -> str:
    """A line that says what to do where others may write in DVC's site cache, else ''."""
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


def damaged_rwlock() -> str:
    """What to do where a DVC that was killed left its file of locks empty or cut short, else ''."""
    file = repository_root() / ".dvc" / "tmp" / "rwlock"
    try:
        if isinstance(json.loads(file.read_text(encoding="utf-8")), dict):
            return ""
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        pass
    return f"{file} was left damaged by a DVC that was killed; once no DVC runs here, remove it and run again"
