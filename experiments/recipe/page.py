"""The page that a recipe ends in: its views, and the experiments behind them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from evobuild.models.roles import is_dry_run
from experiments.recipe.design import Experiment, Recipe
from experiments.recipe.outs import Outs
from experiments.recipe.views import DRY, Finished, Source

RESULTS = Path("experiments/results")
DRY_RUNS = Path("experiments/dry_runs")
"""Not in git."""


def written(name: str, recipe: Recipe, found: Mapping[str, Experiment]) -> str:
    """Write a recipe's page and drawings, and give the page, in Markdown.

    found: finished experiments by name. If a model of one of them is simulated, all is a dry run.

    Raises UserError if an experiment lacks what the recipe reads.
    """
    with ExitStack() as stack:
        outs = {key: stack.enter_context(Outs(key)) for key in found}
        dry = any(
            is_dry_run(each.params.models, each.params.evaluate.models.values()) for each in outs.values()
        )
        folder = DRY_RUNS if dry else RESULTS
        folder.mkdir(parents=True, exist_ok=True)
        finished = [Finished(each.labels, outs[key]) for key, each in found.items()]
        measured: dict[Source, pl.DataFrame] = {}
        parts = [f"# {recipe.title}", f"After {recipe.source}. {recipe.note}".strip()]
        if dry:
            parts.append(f"**{DRY}**: simulated models answered. No figure here is a result.")
        for number, view in enumerate(recipe.views, start=1):
            if view.measure not in measured:
                measured[view.measure] = view.measure.gather(finished)
            drawing = folder / f"{name}-{number}.svg"
            parts += [f"## {view.title}", view.markdown(measured[view.measure], drawing, dry)]
    parts += ["## Experiments", "```\n" + "\n".join(_commands(found)) + "\n```"]
    text = "\n\n".join(parts) + "\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return text


def _commands(found: Mapping[str, Experiment]) -> Sequence[str]:
    return [
        shlex.join(["dvc", "exp", "run", "-n", name, *each.overrides, *each.targets])
        for name, each in found.items()
    ]
