"""Find an earlier version of the dataset: a file, or data/dataset.parquet at a git revision."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evobuild.core.errors import BadInput, UserError
from evobuild.core.scratch import ScratchFolder
from evobuild.core.yaml_files import parse_yaml
from evobuild.process.lock import LOCK, WRITER, read_lock

DATASET = "data/dataset.parquet"
_SECONDS = 60


def is_file(against: str) -> bool:
    """Whether an earlier version is given as a file, not as a git revision."""
    return against.endswith(".parquet")


def find_dataset_md5(against: str) -> str:
    """Return the MD5 of the dataset at a revision, from its dvc.lock.

    Raises UserError if git or the revision is not there, or it had no data set.
    """
    text = _git("show", "--end-of-options", f"{against}:./dvc.lock", wanted=against)
    content = parse_yaml(text, Path("dvc.lock")) or {}
    for stage in content.get("stages", {}).values():
        for out in stage.get("outs", ()):
            if out["path"] == DATASET:
                return str(out["md5"])
    raise UserError(f"contracts.against: dvc.lock of '{against}' has no {DATASET}; expected a built version")


def _git(*words: str, wanted: str) -> str:
    command = ["git", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=_SECONDS)
    except FileNotFoundError:
        raise UserError(f"contracts.against: '{wanted}' needs git, which is not installed") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [""])[-1][:200]
        raise UserError(
            f"contracts.against: git shows no dvc.lock of '{wanted}' ({said}); expected a "
            ".parquet file, or a revision such as v1.0.0"
        )
    return done.stdout


@contextmanager
def earlier_dataset(against: str) -> Iterator[Path]:
    """Give the file of an earlier version, from DVC's cache or its remote, for as long as it is read.

    evobuild.lock has the MD5 of a revision's dataset, if the lock exists.

    Raises BadInput if the revision has another dataset now, or its file is in neither cache nor remote.
    """
    if is_file(against):
        yield Path(against)
        return
    md5 = read_lock()["revisions"].get(against) if LOCK.is_file() else find_dataset_md5(against)
    import dvc.api
    from dvc.exceptions import DvcException

    with ScratchFolder() as folder:
        copy, total = folder / "dataset.parquet", hashlib.md5(usedforsecurity=False)
        try:
            with dvc.api.open(DATASET, rev=against, mode="rb") as source, copy.open("wb") as target:
                while chunk := source.read(1 << 20):
                    total.update(chunk)
                    target.write(chunk)
        except (DvcException, OSError) as error:
            raise BadInput(
                f"contracts.against: the data set of '{against}' is neither in DVC's cache nor in its remote "
                f"({str(error).splitlines()[0][:200]}); bring it with: dvc fetch --all-tags"
            ) from error
        if total.hexdigest() != md5:
            raise BadInput(
                f"contracts.against: '{against}' has another dataset than in {LOCK}; renew it with: {WRITER}"
            )
        yield copy
