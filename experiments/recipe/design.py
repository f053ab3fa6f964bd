"""A recipe as data: what varies, what it ends in, and the experiments that this makes."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from evobuild.cli import preset
from experiments.recipe.papers import DOMAINS
from experiments.recipe.tuning import tuned, with_items
from experiments.recipe.views import View

Settings = Mapping[str, str]
"""Params by key, as after `-S`: a key begins with + to add it, with ~ to remove it."""
NO_TOY = {**tuned({}), "models.scorer": "null"}
"""What every experiment begins with: the toy models of params.yaml are in none that does not name them."""


@dataclass(frozen=True)
class Recipe:
    """A table or figure of a paper.

    data: the paper's data sets, with their rows. presets: what every experiment begins with, a later one
    on top. factors: what varies, and what each of its levels sets. settings: of every experiment, on top
    of the presets. by_data: with some data sets, by name, '' for any other; on top of those. equal: the
    factor whose levels are trained on equally many rows: data are made first, then cut. dry: set in a dry
    run, to be quick. dry_levels: of a factor, those that it takes, if not all. note: what to know of it.
    """

    title: str
    source: str
    data: Mapping[str, int]
    views: Sequence[View]
    factors: Mapping[str, Mapping[str, Settings]] = field(default_factory=dict)
    presets: Sequence[str] = ()
    settings: Settings = field(default_factory=dict)
    by_data: Mapping[str, Settings] = field(default_factory=dict)
    equal: str = ""
    dry: Settings = field(default_factory=dict)
    dry_levels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    note: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """The stages that write what the views read."""
        return tuple(sorted({stage for view in self.views for stage in view.measure.stages}))

    def for_dry_run(self) -> Recipe:
        """The recipe with the levels of a dry run alone."""
        taken = self.dry_levels
        return replace(
            self,
            factors={
                name: {level: own for level, own in levels.items() if level in taken.get(name, levels)}
                for name, levels in self.factors.items()
            },
        )


class Experiment(NamedTuple):
    """One combination of levels: one DVC experiment. labels: the level of each factor.

    part: what of it this is, where it is run in parts.
    """

    labels: dict[str, str]
    settings: dict[str, str]
    targets: tuple[str, ...]
    part: str = ""

    @property
    def changes(self) -> list[str]:
        """The settings, each as a command line takes it after `-S`."""
        return [key if key.startswith("~") else f"{key}={value}" for key, value in self.settings.items()]

    @property
    def overrides(self) -> list[str]:
        """The settings as words of a command line."""
        return [part for change in self.changes for part in ("-S", change)]

    def name(self, recipe: str, commit: str, content: str) -> str:
        """Name it after recipe and labels, and after a digest of all that it runs on.

        content: a digest of its data. An experiment that has this name already need not run again.
        """
        whole = json.dumps([commit, content, self.overrides, self.targets])
        digest = hashlib.blake2b(whole.encode(), digest_size=4).hexdigest()
        parts = [self.part] if self.part else []
        plain = "-".join([recipe, *self.labels.values(), *parts]).lower()
        return f"{re.sub(r'[^a-z0-9]+', '-', plain)}-{digest}"


def experiments(
    recipe: Recipe,
    data: Mapping[str, Path],
    settings: Settings,
    cast: Mapping[str, str],
    items: Mapping[str, Settings] = MappingProxyType({}),
) -> list[Experiment]:
    """Make the experiments; the data sets vary slowest, the last factor fastest.

    data: files by name. settings: go before the recipe's own. cast: models in place of the recipe's. items:
    settings of benchmarks, by name.

    Raises UserError if there is no such preset.
    """
    sources = {name: _source(name, path) for name, path in data.items()}
    factors: dict[str, Mapping[str, Settings]] = {"data": sources, **recipe.factors}
    common = dict(item for name in recipe.presets for item in preset.read_overrides(name).items())
    found = []
    for names in itertools.product(*factors.values()):
        labels = dict(zip(factors, names, strict=True))
        own = {**NO_TOY, **common, **recipe.settings, **_data_settings(recipe, labels["data"])}
        for factor, level in labels.items():
            own |= factors[factor][level]
        own = {**with_items(own, items), **settings}
        found.append(
            Experiment(labels, {key: cast.get(value, value) for key, value in own.items()}, recipe.targets)
        )
    return found


def _data_settings(recipe: Recipe, name: str) -> Settings:
    return recipe.by_data.get(name, recipe.by_data.get("", {}))


def evaluation_sets(files: Mapping[str, Path]) -> Settings:
    """Name evaluation sets beside those of params.yaml."""
    return {f"+decontaminate.sets.{name}": quoted(path) for name, path in files.items()}


def _source(name: str, path: Path) -> dict[str, str]:
    """Set the path of a dataset, and its domain if it is one of the papers'."""
    return {"seed.source": quoted(path)} | ({"seed.domain": DOMAINS[name]} if name in DOMAINS else {})


def quoted(path: Path) -> str:
    """Write a path as `-S` takes it."""
    text = str(path)
    return text if re.fullmatch(r"[\w./-]+", text, re.ASCII) else "'" + text.replace("'", r"\'") + "'"
