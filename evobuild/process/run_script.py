"""The last run of each stage as a script, `data/run.js`, from which the report shows times and costs.

The report is an output, the same bytes for the same inputs, while times and costs differ from run to run; so
they are beside it, in no output and not in git. A page that is opened as a file cannot fetch, but can load a
script. Its data are JSON in ASCII without a `<`, and no part of them is code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from evobuild.process import run_journal
from evobuild.process.run_journal import StageRun

SCRIPT = Path("data/run.js")
SHOWN = (
    *("stage", "started", "seconds", "commit", "version", "rows_in", "rows_out", "off"),
    *("calls", "stored", "prompt_tokens", "completion_tokens", "cost"),
)
"""What the page shows of a run."""


def write_run_script(path: Path = SCRIPT) -> None:
    """Write the script where the pipeline runs; elsewhere, in a folder without dvc.yaml, nothing."""
    if not Path("dvc.yaml").is_file() or not path.parent.is_dir():
        return
    with run_journal.locked():
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(run_script(run_journal.read_runs()), encoding="ascii")
        partial.replace(path)


def run_script(runs: list[StageRun]) -> str:
    """Write the runs as a script that assigns them to a variable."""
    text = json.dumps([_shown(run) for run in runs], ensure_ascii=True, separators=(",", ":"))
    return f"window.evobuildRuns = {text};\n".replace("<", "\\u003c")


def _shown(run: StageRun) -> dict[str, Any]:
    content = run._asdict()
    return {name: content[name] for name in SHOWN} | {"lost": sum(run.lost.values())}
