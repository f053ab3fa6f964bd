"""How far a build is: which stages run, how many replies they have, and what each made when it last ran."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from evobuild.cli.check.params import PARAMS
from evobuild.core import run_journal, running
from evobuild.core.errors import UserError
from evobuild.core.machine import repository_root
from evobuild.core.params import load_params
from evobuild.core.run_journal import StageRun
from evobuild.models import progress
from evobuild.reporting.first_screen import stage_order
from evobuild.reporting.params import ReportParams

REPORT = Path("data/report.html")
RWLOCK = Path(".dvc/tmp/rwlock")


def build_status() -> dict[str, Any]:
    """Tell how far the build in this folder is.

    Instance: {"report": "1700000000", "busy": true, "problem": "",
    "running": [{"stage": "evolve@r1", "started": "2026-…", "done": 40, "total": 120}],
    "stages": [{"stage": "seed", "started": "2026-…", "rows_in": 149, "rows_out": 136, "seconds": 0.9,
    "off": false}, {"stage": "report"}]}

    report: changes with the report, null without one. busy: whether stages run, or DVC holds files for one.
    stages: in the order of the pipeline; one that did not run here has its name alone. problem: what is wrong
    with params.yaml.
    """
    known = {run.stage: run for run in run_journal.read_runs()}
    now = running.running_stages()
    problem = ""
    try:
        order = stage_order(load_params(PARAMS, ReportParams))
    except UserError as error:
        order, problem = list(known), str(error)
    return {
        "report": _stamp(REPORT),
        "busy": bool(now) or _dvc_holds_files(),
        "running": [{**each._asdict(), **_replies(each.stage)} for each in now],
        "stages": [_stage(name, known.get(name)) for name in order],
        "problem": problem,
    }


def _stamp(path: Path) -> str | None:
    with suppress(OSError):
        return str(path.stat().st_mtime_ns)
    return None


def _stage(name: str, run: StageRun | None) -> dict[str, Any]:
    shown = ("started", "rows_in", "rows_out", "seconds", "off")
    return {"stage": name} | ({each: getattr(run, each) for each in shown} if run else {})


def _replies(stage: str) -> dict[str, int | None]:
    """Replies that a running stage has of those that it wants, of the role that it asks now."""
    task = stage.replace("@", "-")
    found: list[tuple[int, dict[str, Any]]] = []
    for path in (repository_root() / progress.FOLDER).glob(f"{task}-*.json"):
        with suppress(OSError, ValueError):
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.get("state") == "running" and content.get("task") == task:
                found.append((path.stat().st_mtime_ns, content))
    if not found:
        return {}
    newest = max(found, key=lambda each: each[0])[1]
    return {"done": newest.get("done"), "total": newest.get("total")}


def _dvc_holds_files() -> bool:
    """Whether DVC says that a stage of its reads or writes something."""
    with suppress(OSError, ValueError):
        return bool(json.loads((repository_root() / RWLOCK).read_text(encoding="utf-8")))
    return False
