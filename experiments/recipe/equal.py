"""Data sets of equal size: all are made first, and then each is cut to the smallest, exported and trained on.

How many rows are left of each shows only once they are made. So such a recipe has two parts, each of
experiments of its own, and the second begins where the first has finished.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.recipe.design import Experiment
from experiments.recipe.outs import Outs

MADE = ("select",)
"""What the first part runs."""
DATA = "data"
"""What the first part is called in the names of its experiments."""


def data_alone(wanted: Sequence[Experiment]) -> list[Experiment]:
    """The first part: every data set as large as it comes."""
    return [each._replace(targets=MADE, part=DATA) for each in wanted]


def sizes(made: Mapping[str, Experiment]) -> dict[tuple[str, ...], int]:
    """Rows of the data sets that are made, by the labels of their experiments.

    Raises UserError if an experiment lacks them.
    """
    found = {}
    for name, each in made.items():
        with Outs(name) as outs:
            found[tuple(each.labels.values())] = int(outs.json("data/counts/select.json")["out"])
    return found


def cut(wanted: Sequence[Experiment], factor: str, rows: Mapping[tuple[str, ...], int]) -> list[Experiment]:
    """The second part: at each level of a factor as many rows as at the one that has the fewest.

    rows: of the data sets that are made, by the labels of their experiments. Those of which another level is
    yet to be made are left out.
    """
    groups: dict[tuple[str, ...], list[Experiment]] = {}
    for each in wanted:
        groups.setdefault(_others(each, factor), []).append(each)
    found = []
    for group in groups.values():
        sizes = [rows.get(tuple(each.labels.values())) for each in group]
        known = [size for size in sizes if size is not None]
        if len(known) == len(group):
            found += [_sample(each, min(known)) for each in group]
    return found


def _others(experiment: Experiment, factor: str) -> tuple[str, ...]:
    return tuple(level for name, level in experiment.labels.items() if name != factor)


def _sample(experiment: Experiment, rows: int) -> Experiment:
    """Have this number of rows sampled, by the common seed, and exported too."""
    settings = {**experiment.settings, "select.share": "null", "select.count": str(rows)}
    targets = tuple(sorted({*experiment.targets, "export"}))
    return experiment._replace(settings=settings, targets=targets)
