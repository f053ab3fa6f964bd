"""The stages, a script each: `python3 -m stages.seed`.

If that Python lacks the library, as where no environment is activated, another takes over: the one that runs
DVC, or the one in `.venv`. So `.venv/bin/dvc repro` works in any shell. Python 3.7 can read this file.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

_NEEDED = ("evobuild", "polars", "pydantic")
_TRIED = "EVOBUILD_PYTHONS_TRIED"


def _command(process: int) -> list[str]:
    """The command line of a process."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="surrogateescape").split("\0")[:-1]
    except OSError:
        asked = ["ps", "-o", "command=", "-p", str(process)]
        return subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False).stdout.split()


def _find_python() -> None:
    """Go on in a Python that has the library, or end with what to do."""
    tried = int(os.environ.pop(_TRIED, "0"))
    if sys.version_info >= (3, 11) and all(importlib.util.find_spec(name) for name in _NEEDED):
        return
    for number, python in enumerate([*_command(os.getppid())[:1], ".venv/bin/python"], 1):
        if number > tried and "python" in Path(python).name and os.access(python, os.X_OK):
            os.environ[_TRIED] = str(number)
            os.execv(python, [python, *_command(os.getpid())[1:]])
    raise SystemExit(
        "stages: no Python here has evobuild; activate the environment that it is installed in, or put that "
        "into .venv"
    )


# While -m looks for a script, argv begins so; who imports a stage has the library.
if sys.argv[:1] == ["-m"]:
    _find_python()
