"""published.json: what of this project is on the hub, at which revision; git keeps it.

{"datasets/me/evolved@main": {
    "url": "https://huggingface.co/datasets/me/evolved/tree/4f1c…",
    "revision": "4f1c…",                the commit on the hub
    "git_commit": "9ab0…",              the commit that it was built at
    "path": "data/dataset.parquet", "md5": "0d5f…",     what it is made of, by dvc.lock
    "date": "2026-11-23",               of this revision, UTC
    "files": ["README.md", …]}}         what publish put there, and may remove again
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput
from evobuild.core.json_files import read_json_file, write_json

FILE = Path("published.json")


def read_published() -> dict[str, dict[str, Any]]:
    """Read the record; {} if nothing was published. Raises BadInput if the file is malformed."""
    if not FILE.exists():
        return {}
    content = read_json_file(FILE)
    if not isinstance(content, dict) or not all(
        isinstance(entry, dict) and {"revision", "md5", "files"} <= entry.keys() for entry in content.values()
    ):
        raise BadInput(f"{FILE}: expected what publish writes; git checkout {FILE}, or remove it")
    return content


def find_published_dataset(md5: str) -> str | None:
    """Find the hub id of a published dataset whose content has this md5; None if there is no such one."""
    return next(
        (
            key.removeprefix("datasets/").rpartition("@")[0]
            for key, entry in read_published().items()
            if key.startswith("datasets/") and entry["md5"] == md5
        ),
        None,
    )


def write_published(key: str, entry: Mapping[str, object]) -> bool:
    """Record a repository's revision; return whether it is new. A known one keeps its date."""
    known = read_published()
    if key in known and known[key] == {**entry, "date": known[key].get("date")}:
        return False
    write_json(FILE, dict(sorted({**known, key: dict(entry)}.items())))
    return True
