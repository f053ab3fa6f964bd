"""Pull the outs that `dvc push` shares with readers, and detect a clone that has only these.

Intermediate tables have `push: false` in dvc.yaml, so such a clone lacks them. There, plain `dvc pull` fails
with an error that lists them, and plain `dvc repro` rebuilds them and all later stages.
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
"""A pushed file and an intermediate one: their presence tells quickly which kind a clone is."""


def pull_pushed(words: Sequence[str]) -> int:
    """Replace this process by `dvc pull` of the pushed outs. Raises UserError without a pipeline."""
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
    """List the built outs that `dvc push` shares. Raises UserError if DVC cannot read dvc.yaml."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            outs = [out for out in repo.index.outs if out.use_cache and out.is_in_repo and out.can_push]
            return sorted(os.path.relpath(out.fs_path) for out in outs if out.hash_info)
    except DvcException as error:
        raise UserError(f"DVC cannot read dvc.yaml: {' '.join(str(error).split())[:200]}") from error


def has_only_pulled() -> bool:
    """Whether this clone has the pushed outs but not the intermediate tables."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    if COUNTS.exists() or not DATA_SET.exists():
        return False
    try:
        with Repo() as repo:
            missing = [out for out in repo.index.outs if out.use_cache and out.hash_info and not out.exists]
            # Some may be in the cache by chance: outs of disabled stages are often equal.
            return not any(out.can_push for out in missing) and any(out.changed_cache() for out in missing)
    except DvcException:
        return False


def is_up_to_date() -> bool:
    """Whether nothing is stale, apart from missing files."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            return not repo.reproduce(dry=True, allow_missing=True)
    except DvcException:
        return False
