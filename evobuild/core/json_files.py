"""A file that is one JSON value, read with its name in every error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput


def read_json_file(path: Path) -> Any:
    """Read a JSON file. Raises BadInput naming it if it cannot be read or is no JSON in UTF-8."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not a readable JSON file: {error}") from error
