"""Tasks of lm-evaluation-harness: found by name, refused where they run code, loaded with their data.

What a task is stands in YAML, of the library or of a folder of the user's own. It is read before anything of
the task is loaded: the utilities of some load code of the hub as they are imported.
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
"""What stands before the name of a task."""
FEWSHOT_SEED = 1234
"""Of the library's own command, by which it draws examples."""
RUNS_CODE = ("humaneval", "mbpp", "apps", "ds1000")
"""Beginnings of tasks that are refused by name, should one not say that it is unsafe."""
MEANS = {"mean", "perplexity", "weighted_perplexity", "bits_per_byte"}
"""Aggregations, by the library's names, in which each document has a share of its own."""
SHOWN = 8
"""Tasks that an error names."""
BROKEN = (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError, RuntimeError)
"""What comes of a task's own settings, code or data."""


def refusal(name: str, what: str) -> UserError:
    """Say of a task why it is not asked."""
    return BadInput(f"{LM_EVAL}{name[:100]} {what}")


def load_task(name: str, include_path: str, shots: int | None) -> Any:
    """Load a task with its data. include_path: a folder of the user's own tasks, or ''.

    shots: examples; None: as the task has it. One that says 0 stays without, as by the library's command.

    Raises MissingExtra without the library, UserError if there is no such task, it may not be run, or its
    data cannot be had.
    """
    tasks = require("lm_eval.tasks", "lm-eval")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = _manager(tasks.TaskManager, name, include_path)
    _check_runnable(manager, name)
    try:
        with redirect_stderr(io.StringIO()):
            (task,) = manager.load(name)["tasks"].values()
    except BROKEN as error:
        raise refusal(name, f"cannot be loaded: {short_line(error)}") from error
    _check_loaded(task, name)
    own = task.get_config("num_fewshot")
    if own is None or (own and shots is not None):
        task.set_config("num_fewshot", shots or 0)
    task.set_fewshot_seed(FEWSHOT_SEED)
    return task


def _manager(maker: Any, name: str, include_path: str) -> Any:
    """The library's index of tasks: the user's own folder alone, which is quick, if that has the task."""
    if not include_path:
        return maker()
    if not Path(include_path).is_dir():
        raise refusal(name, f"has include_path {include_path!r}; expected a folder of tasks")
    own = maker(include_defaults=False, include_path=include_path)
    return own if name in own.all_tasks else maker(include_path=include_path)


def _check_runnable(manager: Any, name: str) -> None:
    """Refuse what is unknown, a group, or runs code."""
    entry = manager.task_index.get(name)
    if entry is None:
        near = nearest_names(name, manager.all_subtasks)
        advice = did_you_mean(near) if near else "list them with: lm_eval ls tasks"
        raise refusal(name, f"is an unknown task of lm-eval; {advice}")
    if name in manager.all_groups or name in manager.all_tags:
        raise refusal(name, f"is a group; name its tasks one by one: {_members(manager, name)}")
    config = entry.cfg or {}
    metrics = config.get("metric_list") or ()
    loads = any(isinstance(each, dict) and each.get("hf_evaluate") for each in metrics)
    if config.get("unsafe_code") or name.startswith(RUNS_CODE) or loads:
        raise refusal(
            name,
            "runs code of a model or of the hub outside of the sandbox, and is not run; "
            "human_eval and mbpp are benchmarks of their own",
        )


def _check_loaded(task: Any, name: str) -> None:
    """Refuse what only a loaded task tells."""
    if getattr(task, "UNSAFE_CODE", False):
        raise refusal(name, "runs code that a model wrote outside of the sandbox, and is not run")
    if getattr(task, "MULTIMODAL", False):
        raise refusal(name, "shows pictures or sounds; expected a task of text")
    aggregations = task.aggregation()
    if not set(map(aggregation_name, aggregations.values())) & MEANS:
        only = ", ".join(aggregations)
        raise refusal(name, f"has no metric that is a mean over documents, only {only}")


def aggregation_name(aggregation: Any) -> str:
    """How the library calls what makes one figure of all documents, '' if it does not."""
    return str(getattr(aggregation, "__name__", ""))


def _members(manager: Any, name: str) -> str:
    """The first tasks of a group or a tag."""
    entries = manager.task_index
    own = (entries[name].cfg or {}).get("task") or []
    listed = [each if isinstance(each, str) else str(each.get("task", "")) for each in own]
    listed = listed or sorted(each for each, entry in entries.items() if name in entry.tags)
    return _listed([f"{LM_EVAL}{each}" for each in listed])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + ("…" if len(names) > SHOWN else "")


def short_line(error: Exception) -> str:
    """What an error says, on one short line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
