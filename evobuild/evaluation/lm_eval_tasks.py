"""Load tasks of lm-evaluation-harness by name, with their data; refuse those that run code.

A YAML file of the library, or of the user's folder, defines a task. It is checked before the task is loaded,
because the Python modules of some tasks load code from the hub on import.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from evobuild.core.errors import BadInput, UserError, require
from evobuild.core.suggestions import did_you_mean, nearest_names

LM_EVAL = "lm_eval:"
"""Prefix of the name of a task."""
FEWSHOT_SEED = 1234
"""Seed by which the library's own command samples examples."""
RUNS_CODE = ("humaneval", "mbpp", "apps", "ds1000")
"""Prefixes of tasks that are refused by name, in case one is not marked unsafe."""
MEANS = {"mean", "perplexity", "weighted_perplexity", "bits_per_byte"}
"""Aggregations, by the library's names, to which each document contributes its own share."""
SHOWN = 8
"""Maximum tasks that an error names."""
BROKEN = (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError, RuntimeError)
"""Errors that a task's own settings, code or data may raise."""


def task_error(name: str, what: str) -> UserError:
    """Build the error that a task cannot be run."""
    return BadInput(f"{LM_EVAL}{name[:100]} {what}")


def load_task(name: str, include_path: str, shots: int | None) -> Any:
    """Load a task with its data.

    Args:
        include_path: folder of the user's own tasks, or ''.
        shots: number of examples; None: as the task sets. A task that sets 0 stays without, as in the
            library's command.

    Raises:
        MissingExtra: lm-eval is not installed.
        UserError: the task is unknown or may not be run, or its data cannot be loaded.
    """
    tasks = require("lm_eval.tasks", "lm-eval")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = _build_manager(tasks.TaskManager, name, include_path)
    _check_runnable(manager, name)
    try:
        with redirect_stderr(io.StringIO()):
            (task,) = manager.load(name)["tasks"].values()
    except BROKEN as error:
        raise task_error(name, f"cannot be loaded: {format_error_line(error)}") from error
    _check_loaded(task, name)
    own = task.get_config("num_fewshot")
    if own is None or (own and shots is not None):
        task.set_config("num_fewshot", shots or 0)
    task.set_fewshot_seed(FEWSHOT_SEED)
    return task


def _build_manager(maker: Any, name: str, include_path: str) -> Any:
    """Build the library's task index: of the user's folder alone if that has the task, which is fast."""
    if not include_path:
        return maker()
    if not Path(include_path).is_dir():
        raise task_error(name, f"has include_path {include_path!r}; expected a folder of tasks")
    own = maker(include_defaults=False, include_path=include_path)
    return own if name in own.all_tasks else maker(include_path=include_path)


def _check_runnable(manager: Any, name: str) -> None:
    """Refuse an unknown task, a group, and a task that runs code."""
    entry = manager.task_index.get(name)
    if entry is None:
        near = nearest_names(name, manager.all_subtasks)
        advice = did_you_mean(near) if near else "list them with: lm_eval ls tasks"
        raise task_error(name, f"is an unknown task of lm-eval; {advice}")
    if name in manager.all_groups or name in manager.all_tags:
        raise task_error(name, f"is a group; name its tasks one by one: {_list_members(manager, name)}")
    config = entry.cfg or {}
    metrics = config.get("metric_list") or ()
    loads = any(isinstance(each, dict) and each.get("hf_evaluate") for each in metrics)
    if config.get("unsafe_code") or name.startswith(RUNS_CODE) or loads:
        raise task_error(
            name,
            "runs code of a model or of the hub outside of the sandbox, and is not run; "
            "use the benchmarks human_eval and mbpp",
        )


def _check_loaded(task: Any, name: str) -> None:
    """Refuse a task for properties that only the loaded task shows."""
    if getattr(task, "UNSAFE_CODE", False):
        raise task_error(name, "runs code that a model wrote outside of the sandbox, and is not run")
    if getattr(task, "MULTIMODAL", False):
        raise task_error(name, "shows pictures or sounds; expected a task of text")
    aggregations = task.aggregation()
    if not set(map(aggregation_name, aggregations.values())) & MEANS:
        only = ", ".join(aggregations)
        raise task_error(name, f"has no metric that is a mean over documents, only {only}")


def aggregation_name(aggregation: Any) -> str:
    """Return the library's name of an aggregation, '' if it has none."""
    return str(getattr(aggregation, "__name__", ""))


def _list_members(manager: Any, name: str) -> str:
    """List the first tasks of a group or a tag."""
    entries = manager.task_index
    own = (entries[name].cfg or {}).get("task") or []
    listed = [each if isinstance(each, str) else str(each.get("task", "")) for each in own]
    listed = listed or sorted(each for each, entry in entries.items() if name in entry.tags)
    return _format_names([f"{LM_EVAL}{each}" for each in listed])


def _format_names(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + ("…" if len(names) > SHOWN else "")


def format_error_line(error: Exception) -> str:
    """Format an error as one short line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
