"""Report the progress of a run: running stages, their newest replies, tokens, cost, and the time left."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evobuild.cli.check.all_params import PARAMS
from evobuild.core.errors import UserError
from evobuild.core.machine import repository_root
from evobuild.core.measures import all_measures
from evobuild.core.params import load_params
from evobuild.models import progress
from evobuild.process import run_journal, running
from evobuild.process.run_journal import StageRun
from evobuild.process.running import Running
from evobuild.reporting.first_screen import stage_order
from evobuild.reporting.params import ReportParams

REPORT = Path("data/report.html")
RWLOCK = Path(".dvc/tmp/rwlock")
NEWEST = 5
"""Newest replies shown, over all roles of all running stages."""

Task = dict[str, Any]
"""Content of the progress file of one role of one stage."""
_IN_CALLS = {"model", "cost", "purposes"}


def build_status(now: datetime | None = None) -> dict[str, Any]:
    """Build the status of the run in this folder.

    Instance: {"report": "1700000000", "busy": true, "problem": "",
    "running": [{"stage": "evolve@r1", "started": "2026-…", "done": 40, "total": 120}],
    "stages": [{"stage": "seed", "started": "2026-…", "rows_in": 149, "rows_out": 136, "seconds": 0.9,
    "off": false}, {"stage": "report", "off": false}],
    "taken": {"seconds": 71.2, "calls": 40, "stored": 0, "tokens": 9000, "cost": 0.02},
    "left": {"seconds": 95.0, "unknown": ["score"]},
    "newest": [{"stage": "evolve-r1", "role": "evolver", "row": "0c9f…", "purpose": "evolve", "prompt": "…",
    "reply": "…"}]}

    report: changes with the report, null without one. busy: whether stages run, or DVC holds files for one.
    stages: in the order of the pipeline. problem: what is wrong with params.yaml. taken: by running stages
    and by the last run of each other; cost is null where it is unknown. left: null where nothing runs; of
    stages in `unknown` no time is known. newest: the last reply first.
    """
    known = {run.stage: run for run in run_journal.read_runs()}
    marks = running.running_stages()
    tasks = {mark.stage: _read_tasks(mark.stage) for mark in marks}
    stages, problem = _read_stages(known)
    return {
        "report": _read_stamp(REPORT),
        "busy": bool(marks) or _dvc_holds_files(),
        "running": [{**mark._asdict(), **_count_replies(tasks[mark.stage])} for mark in marks],
        "stages": stages,
        "problem": problem,
        "taken": _sum_taken([run for run in known.values() if run.stage not in tasks], tasks.values()),
        "left": _estimate_left(stages, marks, tasks, known, now or datetime.now(UTC)) if marks else None,
        "newest": _newest_replies(tasks),
    }


def _read_stamp(path: Path) -> str | None:
    with suppress(OSError):
        return str(path.stat().st_mtime_ns)
    return None


def _read_stages(known: Mapping[str, StageRun]) -> tuple[list[dict[str, Any]], str]:
    """List the stages with their last runs, and what is wrong with params.yaml."""
    shown = ("started", "rows_in", "rows_out", "seconds")
    try:
        params = load_params(PARAMS, ReportParams)
        order, off, problem = stage_order(params), _stages_off(params), ""
    except UserError as error:
        order, off, problem = list(known), frozenset(), str(error)
    return [
        {"stage": name}
        | ({each: getattr(known[name], each) for each in shown} if name in known else {})
        | {"off": known[name].off if name in known else name in off}
        for name in order
    ], problem


def _stages_off(params: ReportParams) -> frozenset[str]:
    """Name the stages that params disable: fetch, unless it runs for something, and measuring stages."""
    models = params.models.model_dump()
    switched = {each.stage: models.get(each.switch.removeprefix("models."), True) for each in all_measures()}
    return frozenset(["fetch", *(stage for stage, model in switched.items() if model is None)])


def _read_tasks(stage: str) -> list[Task]:
    """Read the files of progress of a running stage, the newest last."""
    task = stage.replace("@", "-")
    found: list[tuple[int, Task]] = []
    for path in (repository_root() / progress.FOLDER).glob(f"{task}-*.json"):
        with suppress(OSError, ValueError):
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.get("state") == "running" and content.get("task") == task:
                found.append((path.stat().st_mtime_ns, content))
    return [content for _, content in sorted(found, key=lambda each: each[0])]


def _count_replies(tasks: Sequence[Task]) -> dict[str, Any]:
    """Count the replies of the role that is asked now, and those that it wants."""
    return {name: tasks[-1].get(name) for name in ("done", "total")} if tasks else {}


def _sum_taken(runs: Iterable[StageRun], running_tasks: Iterable[Sequence[Task]]) -> dict[str, Any]:
    """Sum seconds, calls, replies of the cache, tokens and cost."""
    tasks = [task for each in running_tasks for task in each]
    ended = list(runs)
    live = run_journal.with_calls(StageRun(""), (task for task in tasks if task.keys() >= _IN_CALLS))
    every = [*ended, live._replace(seconds=sum(float(task.get("elapsed", 0)) for task in tasks))]
    costs = [run.cost for run in every]
    return {
        "seconds": round(sum(run.seconds for run in every), 1),
        "calls": sum(run.calls for run in every),
        "stored": sum(run.stored for run in every),
        "tokens": sum(run.prompt_tokens + run.completion_tokens for run in every),
        "cost": None if None in costs else sum(cost or 0 for cost in costs),
    }


def _estimate_left(
    stages: Sequence[Mapping[str, Any]],
    marks: Sequence[Running],
    tasks: Mapping[str, Sequence[Task]],
    known: Mapping[str, StageRun],
    now: datetime,
) -> dict[str, Any]:
    """Add the time left of running stages and the last times of those after them.

    DVC skips an unchanged stage, so a later stage counts at most. One that did not run here is unknown.
    """
    order = [stage["stage"] for stage in stages]
    names = {mark.stage for mark in marks}
    first = min((order.index(name) for name in names if name in order), default=len(order))
    pending = [stage["stage"] for stage in stages[first:] if stage["stage"] not in names and not stage["off"]]
    started = min(mark.started for mark in marks)
    pending = [name for name in pending if name not in known or known[name].started < started]
    times = {mark.stage: _seconds_left(mark, tasks[mark.stage], known.get(mark.stage), now) for mark in marks}
    times |= {name: known[name].seconds if name in known else None for name in pending}
    seconds = [value for value in times.values() if value is not None]
    return {"seconds": round(sum(seconds), 1), "unknown": [name for name in times if times[name] is None]}


def _seconds_left(mark: Running, tasks: Sequence[Task], last: StageRun | None, now: datetime) -> float | None:
    """Estimate from the replies that came, else from the stage's last run; None where neither is known."""
    task = tasks[-1] if tasks else {}
    known = [task.get(name) for name in ("done", "total", "kept", "elapsed")]
    numbers = [float(value) for value in known if isinstance(value, int | float)]
    if len(numbers) == len(known) and (new := numbers[0] - numbers[2]) > 0:
        return max(0.0, (numbers[1] - numbers[0]) * numbers[3] / new)
    if last is None:
        return None
    passed = (now - datetime.fromisoformat(mark.started)).total_seconds()
    # Below 0 if the clock was set back since.
    return max(0.0, last.seconds - max(0.0, passed))


def _newest_replies(tasks: Mapping[str, Sequence[Task]]) -> list[dict[str, str]]:
    """Take the newest requests and replies of running stages, the last one first."""
    found = [
        {"stage": str(task.get("task", "")), "role": str(task.get("role", ""))}
        | {name: str(each.get(name, "")) for name in ("row", "purpose", "prompt", "reply")}
        for own in tasks.values()
        for task in own
        for each in task.get("newest", ())
        if isinstance(each, dict)
    ]
    return found[::-1][:NEWEST]


def _dvc_holds_files() -> bool:
    """Whether DVC says that a stage of its reads or writes something."""
    with suppress(OSError, ValueError):
        return bool(json.loads((repository_root() / RWLOCK).read_text(encoding="utf-8")))
    return False
