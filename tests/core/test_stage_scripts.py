"""Stage scripts as files: each runs alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRST_IMPORTS = ("check", "export", "rate", "select")
"""Scripts that each import another module of evobuild first."""


@pytest.mark.parametrize("stage", FIRST_IMPORTS)
def test_a_script_run_as_a_file_finds_the_modules_that_stages_are_named_like(stage: str) -> None:
    command = [sys.executable, f"stages/{stage}.py", "--help"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert f"usage: {stage}.py" in done.stdout and "--params PATH" in done.stdout
