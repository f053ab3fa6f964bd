"""A recipe as data: what varies, what it ends in, and the experiments that this makes."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from evobuild.cli import preset
from experiments.recipe.papers import DOMAINS
from experiments.recipe.views import View

Settings = Mapping[str, str]
"""Params by key, as after `-S`: a key begins with + to add it, with ~ to remove it."""


@dataclass(frozen=True)
class Recipe:
    """A table or figure of a paper.

    data: the paper's data sets, with their rows. presets: what every experiment begins with, a later one
    on top. factors: what varies, and what each of its levels sets. settings: of every experiment, on top
    of the presets. dry: set in a dry run, to be quick. note: what to know of it.
    """

    title: str
    source: str
    data: Mapping[str, int]
    views: Sequence[View]
    factors: Mapping[str, Mapping[str, Settings]] = field(default_factory=dict)
    presets: Sequence[str] = ()
    settings: Settings = field(default_factory=dict)
    dry: Settings = field(default_factory=dict)
    note: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """The stages that write what the views read."""
        return tuple(sorted({stage for view in self.views for stage in view.measure.stages}))


class Experiment(NamedTuple):
    """One combination of levels: one DVC experiment. labels: the level of each factor."""

    labels: dict[str, str]
    settings: dict[str, str]
    targets: tuple[str, ...]

    @property
    def overrides(self) -> list[str]:
        """The settings as words of a command line."""
        words = [key if key.startswith("~") else f"{key}={value}" for key, value in self.settings.items()]
        return [part for word in words for part in ("-S", word)]

    def name(self, recipe: str, commit: str, content: str) -> str:
        """Name it after recipe and labels, and after a digest of all that it runs on.

        content: a digest of its data. An experiment that has this name already need not run again.
        """
        whole = json.dumps([commit, content, self.overrides, self.targets])
        digest = hashlib.blake2b(whole.encode(), digest_size=4).hexdigest()
        plain = "-".join([recipe, *self.labels.values()]).lower()
        return f"{re.sub(r'[^a-z0-9]+', '-', plain)}-{digest}"


def experiments(
    recipe: Recipe, data: Mapping[str, Path], settings: Settings, cast: Mapping[str, str]
) -> list[Experiment]:
    """Make the experiments; the data sets vary slowest, the last factor fastest.

    data: files by name. settings: go before the recipe's own. cast: models in place of the recipe's.

    Raises UserError if there is no such preset.
    """
    sources = {name: _source(name, path) for name, path in data.items()}
    factors: dict[str, Mapping[str, Settings]] = {"data": sources, **recipe.factors}
    common = dict(item for name in recipe.presets for item in preset.overrides(name).items())
    found = []
    for names in itertools.product(*factors.values()):
        labels = dict(zip(factors, names, strict=True))
        own = {**common, **recipe.settings}
        for factor, level in labels.items():
            own |= factors[factor][level]
        own |= settings
        found.append(
            Experiment(labels, {key: cast.get(value, value) for key, value in own.items()}, recipe.targets)
        )
    return found


def evaluation_sets(files: Mapping[str, Path]) -> Settings:
    """Name evaluation sets beside those of params.yaml."""
    return {f"+decontaminate.sets.{name}": _quoted(path) for name, path in files.items()}


def _source(name: str, path: Path) -> dict[str, str]:
    """Set where a data set lies, and its domain if it is one of the papers'."""
    return {"seed.source": _quoted(path)} | ({"seed.domain": DOMAINS[name]} if name in DOMAINS else {})


def _quoted(path: Path) -> str:
    text = str(path)
    return text if re.fullmatch(r"[\w./-]+", text, re.ASCII) else "'" + text.replace("'", r"\'") + "'"
