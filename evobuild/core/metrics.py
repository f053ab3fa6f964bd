"""Metrics files: small figures that git keeps and DVC compares between experiments.

All figures of a dry run stand below the key DRY RUN. So each of them says what it is wherever it is shown:
in the file, in `dvc metrics show`, in every column of `dvc exp show`, which never has it in one column with
a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput
from evobuild.core.json_files import read_json_file
from evobuild.core.tables import write_json
from evobuild.core.text_files import read_text

DRY_RUN = "DRY RUN"


def write_label(path: Path, is_dry_run: bool) -> None:
    """Write the label that figures get, for the stages that write some: DRY RUN, or none."""
    path.write_text(f"{DRY_RUN}\n" if is_dry_run else "", encoding="utf-8")


def read_label(path: Path) -> str:
    """Read the label that figures get: DRY RUN, or ''. Raises BadInput if there is no such file."""
    try:
        return read_text(path).strip()
    except BadInput as error:
        raise BadInput(f"{error}; the stage check writes it") from None


def write_metrics(path: Path, figures: Mapping[str, Any], label: Path) -> None:
    """Write figures as JSON below the label that a file holds, if it holds one.

    Raises BadInput if there is no such file.
    """
    text = read_label(label)
    write_json(path, {text: figures} if text else figures)


def read_metrics(path: Path) -> Any:
    """Read figures, whether they are of a dry run or not. Raises BadInput if the file is no JSON."""
    content = read_json_file(path)
    return content.get(DRY_RUN, content) if isinstance(content, dict) else content
