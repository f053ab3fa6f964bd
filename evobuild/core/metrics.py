"""Metrics files: small figures that git keeps and DVC compares between experiments.

All metrics of a dry run are below the key DRY RUN, and those that a toy model took part in below TOY. So
each of them says what it is wherever it is shown: in the file, in `dvc metrics show`, in every column of `dvc
exp show`, which never has it in one column with a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput
from evobuild.core.json_files import read_json_file, write_json
from evobuild.core.text_files import read_text

DRY_RUN = "DRY RUN"
TOY = "TOY"
_REASONS = {
    DRY_RUN: "models are simulated, with no language model behind them",
    TOY: "a toy model scored rows or was tuned",
}
_LABELS = (DRY_RUN, TOY, f"{DRY_RUN}, {TOY}")


def join_labels(is_dry_run: bool, is_toy: bool) -> str:
    """Give the label of what is made: "DRY RUN", "TOY", "DRY RUN, TOY" or ''."""
    return ", ".join(label for label, holds in ((DRY_RUN, is_dry_run), (TOY, is_toy)) if holds)


def explain_label(label: str) -> str:
    """Say what a label means: "TOY: a toy model scored rows or was tuned; nothing here is a result"."""
    reasons = " and ".join(_REASONS[each] for each in label.split(", "))
    return f"{label}: {reasons}; nothing here is a result"


def write_label(path: Path, label: str) -> None:
    """Write the label, or an empty line, for the stages that write figures and cards.

    DVC warns of an empty file each time that it looks at one.
    """
    path.write_text(f"{label}\n", encoding="utf-8")


def read_label(path: Path) -> str:
    """Read the label, as `join_labels` gives it. Raises BadInput if there is no such file."""
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
    """Read figures, whether they have a label or not. Raises BadInput if the file is no JSON."""
    content = read_json_file(path)
    if not isinstance(content, dict):
        return content
    return next((content[label] for label in _LABELS if label in content), content)
