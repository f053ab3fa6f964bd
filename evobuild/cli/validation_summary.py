"""`evobuild validation`: show the last results of all expectations.

A failed stage leaves no out, so each stage also keeps its result in .evobuild/validation.
"""

from __future__ import annotations

from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.core.machine import repository_root
from evobuild.core.metrics import read_label
from evobuild.core.private_files import private_folder
from evobuild.reporting import validation

KEPT = ("validate.json", "validate_outputs.json")
"""Files of results, one per stage."""


def render_validation() -> tuple[list[str], Path]:
    """Write the page of the kept results; return its failures as lines, and its path.

    Raises UserError if no result was kept yet.
    """
    root = repository_root()
    folder = private_folder(root / ".evobuild" / "validation")
    found = validation.read_results(folder, [name for name in KEPT if (folder / name).is_file()])
    if not found:
        raise UserError(f"{folder}: nothing was validated here yet; evobuild repro does it")
    label = root / "data/label.txt"
    beside = "../../data/" if (root / "data" / validation.EXPLORER).is_file() else None
    page = folder / "validation.html"
    text = validation.validation_page(found, read_label(label) if label.is_file() else "", beside)
    page.write_text(text, encoding="utf-8")
    return list(validation.failure_lines(found)), page
