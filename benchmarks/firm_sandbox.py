"""Whether the sandbox and the stages that use it hold against the whole corpus of attacks.

    python benchmarks/firm.py sandbox

By this user and, if that is root, as `nobody`, in each isolation of this machine: what got out, what was
judged otherwise than it is, and what ended `crosscheck` or `verify` or lost one of their rows; minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from figures import Figures

from evobuild import sandbox

SUPPORT = Path(__file__).parent.parent / "tests/support"
NEW = 60


def run(figures: Figures) -> None:
    """Take the figures of the attacks."""
    sys.path.insert(0, str(SUPPORT))
    from attacks import nobody

    users = {"this user": list[str]} | ({"nobody": nobody.command} if os.geteuid() == 0 else {})
    for name in dict.fromkeys(each.name for each in sandbox.usable_isolations()):
        for user, command in users.items():
            where = f"{name}, {user}"
            found = _run_corpus_script(command([*_script("hold.py"), "--isolation", name]))
            figures.at_most(f"sandbox: escapes, {where}", found["escapes"], 0, "programs")
            figures.at_most(f"sandbox: verdicts forged, {where}", found["misjudged"], 0, "programs")
            figures.at_least(f"sandbox: further attacks, {where}", found["further"], NEW, "programs")
            found = _run_corpus_script(command([*_script("stages_held.py"), "--isolation", name]))
            figures.at_most(f"sandbox: stages ended, {where}", found["ended"], 0, "stages")
            wrong = len(found["failures"]) - found["ended"]
            figures.at_most(f"sandbox: rows of stages lost or misjudged, {where}", wrong, 0, "rows")


def _script(name: str) -> list[str]:
    return [sys.executable, str(SUPPORT / "attacks" / name)]


def _run_corpus_script(command: list[str]) -> dict[str, Any]:
    """What a script of the corpus prints."""
    done = subprocess.run(command, capture_output=True, check=True, start_new_session=True, cwd="/tmp")
    found: dict[str, Any] = json.loads(done.stdout)
    for failure in found["failures"]:
        print(failure, flush=True)
    return found


if __name__ == "__main__":
    taken = Figures()
    run(taken)
    taken.print()
