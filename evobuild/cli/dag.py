"""`evobuild dag`: format the pipeline of these params on one screen.

One line per stage, in the order of the run: its rounds or pools, and the stages that it waits for, without
indirect ones. (`dvc dag` draws a box for every round and pool, side by side.)
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from evobuild.cli.plan.overlay import overlaid_repo
from evobuild.core.errors import UserError
from evobuild.process.dvc_state import damaged_rwlock

EVERYWHERE = ("check",)
"""Stages that all others wait for; one line says so for all."""
WIDTH = 100
RUNS_WIDTH = 36


def format_dag() -> str:
    """Format the pipeline. Raises UserError if DVC cannot read it."""
    import networkx
    from dvc.exceptions import DvcException

    try:
        with overlaid_repo({}) as repo:
            graph = networkx.DiGraph()
            runs: dict[str, list[str]] = {}
            for stage in repo.index.stages:
                name, _, run = str(stage.addressing).partition("@")
                runs.setdefault(name, []).append(run)
                graph.add_node(name)
                needs = (other.addressing.partition("@")[0] for other in repo.index.graph.successors(stage))
                graph.add_edges_from((name, other) for other in needs)
    except (DvcException, UnicodeDecodeError) as error:
        reason = damaged_rwlock() or " ".join(str(error).split())[:200]
        raise UserError(f"DVC cannot read the pipeline: {reason}") from error
    after_itself = {name for name in graph if graph.has_edge(name, name)}
    graph.remove_edges_from([(name, name) for name in after_itself])
    needed = networkx.transitive_reduction(graph)
    first = [name for name in EVERYWHERE if name in graph]
    lines = [f"Every stage waits for {' and '.join(first)}."] if first else []
    width = max(map(len, runs), default=0)
    for name, own in runs.items():
        waits = [other for other in runs if needed.has_edge(name, other) and other not in first]
        waits += ["the one before"] if name in after_itself else []
        lines += _format_stage(name.ljust(width), own, waits)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _format_stage(name: str, runs: Sequence[str], waits: Sequence[str]) -> Iterator[str]:
    """Format a stage's line, wrapped within its columns."""
    room = WIDTH - len(name) - RUNS_WIDTH - 4
    left = textwrap.wrap(", ".join(filter(None, runs)), RUNS_WIDTH) or [""]
    right = textwrap.wrap(f"after {', '.join(waits)}", room) if waits else [""]
    for place in range(max(len(left), len(right))):
        cells = (each[place] if place < len(each) else "" for each in ([name], left, right))
        stage, runs_text, waits_text = cells
        yield f"{stage:<{len(name)}}  {runs_text:<{RUNS_WIDTH}}  {waits_text}"
