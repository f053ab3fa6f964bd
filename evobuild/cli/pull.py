"""What readers are given: the outs that `dvc push` takes along, and a clone that has pulled just these.

dvc.yaml says of the intermediate tables `push: false`. DVC misses them in such a clone: plain `dvc pull` ends
in an error that names them, and plain `dvc repro` builds them, and all that follows, anew.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.process.dvc_state import check_writable, use_private_site_cache

DATA_SET = Path("data/dataset.parquet")
COUNTS = Path("data/counts/seed.json")
"""A table of a reader, and an intermediate one, that tell in no time what a clone is."""


def pull_pushed(words: Sequence[str]) -> int:
    """Become `dvc pull` of what was pushed, with some options of it. Raises UserError without a pipeline."""
    if not Path("dvc.yaml").is_file():
        raise UserError("dvc.yaml: no such file; run in the folder of a clone")
    check_writable(Path.cwd())
    use_private_site_cache()
    paths = list_pushed_paths()
    if not paths:
        raise UserError("dvc.lock: names nothing that was built; nothing can be pulled")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "dvc", "pull", *words, *paths])


def list_pushed_paths() -> list[str]:
    """The paths of built outs that `dvc push` takes along. Raises UserError if DVC cannot read dvc.yaml."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            outs = [out for out in repo.index.outs if out.use_cache and out.is_in_repo and out.can_push]
            return sorted(os.path.relpath(out.fs_path) for out in outs if out.hash_info)
    except DvcException as error:
        raise UserError(f"DVC cannot read dvc.yaml: {' '.join(str(error).split())[:200]}") from error


def has_only_pulled() -> bool:
    """Whether this clone has what readers are given, and not what that was made of."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    if COUNTS.exists() or not DATA_SET.exists():
        return False
    try:
        with Repo() as repo:
            missing = [out for out in repo.index.outs if out.use_cache and out.hash_info and not out.exists]
            # Some may be in the cache all the same: of what is switched off many outs are alike.
            return not any(out.can_push for out in missing) and any(out.changed_cache() for out in missing)
    except DvcException:
        return False


def is_up_to_date() -> bool:
    """Whether nothing is stale but what is missing."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            return not repo.reproduce(dry=True, allow_missing=True)
    except DvcException:
        return False
