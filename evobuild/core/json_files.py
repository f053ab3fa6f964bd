"""A file that is one JSON value: written one key a line, read with its name in every error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput
from evobuild.core.json_lines import parse_json
from evobuild.core.text_files import read_text


def read_json_file(path: Path) -> Any:
    """Read a JSON file. Raises BadInput naming it if it cannot be read or is no JSON in UTF-8."""
    try:
        return parse_json(read_text(path), path)
    except BadInput as error:
        raise BadInput(f"{path}: not a readable JSON file: {error}") from None


def write_json(path: Path, content: object) -> None:
    """Write small figures as JSON, one key a line."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
