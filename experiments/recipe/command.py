"""The command line of every recipe.

A dry run's experiments run at once, one after the other; others are put into DVC's queue. Either
way the same command again runs or queues only what is missing, and shows all that has finished.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from evobuild.cli.check.all_params import PARAMS
from evobuild.core.errors import UserError
from evobuild.core.yaml_files import read_yaml
from evobuild.evaluation.benchmarks import benchmark_class
from evobuild.process.command_line import Parser, run_command
from evobuild.process.terminal import log, print_text
from experiments.recipe import costs, equal, page, runs
from experiments.recipe.design import Experiment, Recipe, Settings, evaluation_sets, experiments, quoted
from experiments.recipe.papers import STAND_INS
from experiments.recipe.tuning import benchmarks_of, first_bases

SAMPLE = {"sample": Path("data/raw/sample.jsonl")}
"""What a dry run takes without `--data`."""
DRY_ROWS = 24
"""What a dry run draws of each data set without `--rows`."""
SHIPPED = "data/raw/benchmarks"
"""Folder of a few items per benchmark, written by us, for a dry run."""
DRY_BASES = 2
"""How many bases a dry run tunes: all of them are the toy model."""
DRY_ITEMS = 2
DRY_TOKENS = 16
"""What a dry run asks of each benchmark."""
DRY_SHOTS = {name: {"shots": "1"} for name in ("mmlu", "ceval")}
"""The toy has no room for more."""


def run(recipe: Recipe) -> NoReturn:
    """Run a recipe's command line, and exit as `evobuild.process.command_line` says."""
    name = Path(sys.argv[0]).stem

    def work() -> int:
        main(name, recipe, sys.argv[1:])
        return 0

    raise SystemExit(run_command(name, work))


def main(name: str, recipe: Recipe, words: Sequence[str]) -> None:
    """Plan a recipe; or run or queue what has not run, and show what has.

    Raises UserError if the words cannot be understood, or an experiment cannot be run or read.
    """
    arguments = _parser(name, recipe).parse_args(words)
    recipe = recipe.for_dry_run() if arguments.dry_run else recipe
    data, sets = _data(recipe, arguments), _files("--set", arguments.sets)
    items = _items(recipe, data, arguments)
    settings = {**_settings(recipe, arguments), **evaluation_sets(sets)}
    cast = (STAND_INS if arguments.dry_run else {}) | _pairs("--use", arguments.use)
    wanted = experiments(recipe, data, settings, cast, items)
    if arguments.dry_run:
        wanted = [each._replace(settings=first_bases(each.settings, DRY_BASES)) for each in wanted]
    if arguments.plan:
        print_text(costs.table(wanted))
        return
    given = [*sets.values(), *_files("--benchmark", arguments.benchmarks).values()]
    content = {key: " ".join(map(_digest, [path, *given])) for key, path in data.items()}
    line = Line(name, runs.commit(), content, arguments.dry_run)
    if recipe.equal:
        made = line.ran(equal.data_alone(wanted))
        wanted = equal.cut(wanted, recipe.equal, equal.sizes(made))
    if found := line.ran(wanted):
        print_text(page.written(name, recipe, found))


class Line(NamedTuple):
    """What a command line runs. name: the recipe's. content: digests of the data. dry: here and now."""

    name: str
    commit: str
    content: Mapping[str, str]
    dry: bool

    def ran(self, wanted: Sequence[Experiment]) -> dict[str, Experiment]:
        """Run or queue what has not run; give what has, by name."""
        named = {
            each.name(self.name, self.commit, self.content[each.labels["data"]]): each for each in wanted
        }
        done = runs.finished()
        _run({key: each for key, each in named.items() if key not in done}, self.dry)
        done = runs.finished()
        found = {key: each for key, each in named.items() if key in done}
        if len(found) < len(named):
            log(f"{len(found)} of {len(named)} experiments have finished; run this again for the others")
        return found


def _parser(name: str, recipe: Recipe) -> argparse.ArgumentParser:
    paper = ", ".join(f"{data} ({rows:,} rows)" for data, rows in recipe.data.items())
    parser = Parser(
        prog=f"python -m experiments.{name}",
        description=f"{recipe.title}: {recipe.source}.",
        epilog=f"Data sets of the paper: {paper}.",
        allow_abbrev=False,
    )
    parser.add_argument("--dry-run", action="store_true", help="with simulated models, here and now")
    parser.add_argument("--plan", action="store_true", help="only say what it would ask and cost")

    def several(*flags: str, metavar: str, help: str, dest: str | None = None) -> None:
        parser.add_argument(*flags, action="append", default=[], metavar=metavar, help=help, dest=dest)

    several("--data", metavar="NAME=FILE", help="a data set; once for each")
    several("--benchmark", dest="benchmarks", metavar="NAME=FILE", help="items of a benchmark; once for each")
    if "decontaminate" in recipe.targets:
        several("--set", dest="sets", metavar="NAME=FILE", help="an evaluation set; once for each")
    parser.set_defaults(sets=[])
    parser.add_argument(
        "--rows", type=int, metavar="N", help="rows drawn of each data set; else all, or few in a dry run"
    )
    several("--use", metavar="MODEL=URI", help="a model in place of one of the recipe's")
    several("-S", "--set-param", metavar="KEY=VALUE", help="set in every experiment, as dvc exp run")
    return parser


def _data(recipe: Recipe, arguments: argparse.Namespace) -> dict[str, Path]:
    data = _files("--data", arguments.data)
    if not data and arguments.dry_run:
        return SAMPLE
    if not data:
        wanted = " ".join(f"--data {name}=FILE" for name in recipe.data)
        raise UserError(f"no data; give {wanted}, or just --dry-run for the shipped sample")
    return data


def _files(option: str, words: Sequence[str]) -> dict[str, Path]:
    """Read files by name. Raises UserError for an invalid name, or a missing file."""
    files = {key: Path(value).absolute() for key, value in _pairs(option, words).items()}
    for key, path in files.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
            raise UserError(f"{option} {key}=…: expected a name of small letters, digits and '_'")
        if not path.is_file():
            raise UserError(f"{option} {key}={path}: no such file")
    return files


def _items(recipe: Recipe, data: Mapping[str, Path], arguments: argparse.Namespace) -> dict[str, Settings]:
    """Say where the items of the recipe's benchmarks are; a dry run takes a few of the shipped ones.

    Raises UserError at a benchmark whose items are neither given nor fetched, or that lacks data of its own,
    before anything is planned or paid for.
    """
    files = _files("--benchmark", arguments.benchmarks)
    wanted = dict.fromkeys(
        name for each in experiments(recipe, data, {}, {}) for name in benchmarks_of(each.settings)
    )
    fetched = (read_yaml(PARAMS).get("fetch") or {}) if wanted else {}
    if unknown := [name for name in files if name not in wanted]:
        known = ", ".join(wanted) or "none"
        raise UserError(f"--benchmark {unknown[0]}=…: this recipe has no such benchmark; it has {known}")
    if lacking := [name for name in wanted if name not in (*files, *fetched) and not arguments.dry_run]:
        options = " ".join(f"--benchmark {name}=FILE" for name in lacking)
        raise UserError(f"no items of {', '.join(lacking)}; give {options}, or fetch them by params.yaml")
    for name, path in files.items():
        _read_items(name, path)
    given: dict[str, Settings] = {name: {"items": quoted(path)} for name, path in files.items()}
    few = {"limit": str(DRY_ITEMS), "max_tokens": str(DRY_TOKENS)} if arguments.dry_run else {}
    shipped: dict[str, Settings] = {}
    if arguments.dry_run:
        shipped = {name: {"items": f"{SHIPPED}/{name}.jsonl", **DRY_SHOTS.get(name, {})} for name in wanted}
    return {name: {**shipped.get(name, {}), **few, **given.get(name, {})} for name in wanted}


def _read_items(name: str, path: Path) -> None:
    """Read the items of a benchmark. Raises UserError for an invalid item, or missing data."""
    kind = benchmark_class(name)
    kind(name, kind.settings_type(items=str(path)), 0).read_items()


def _settings(recipe: Recipe, arguments: argparse.Namespace) -> dict[str, str]:
    quick = {"seed.rows": str(DRY_ROWS), **recipe.dry} if arguments.dry_run else {}
    rows = {"seed.rows": str(arguments.rows)} if arguments.rows else {}
    return {**quick, **rows, **_pairs("-S", arguments.set_param)}


def _pairs(option: str, words: Sequence[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word and not word.startswith("~"):
            raise UserError(f"{option} {word}: expected two parts with '=' between them")
    return {key: value for key, _, value in (word.partition("=") for word in words)}


def _run(missing: Mapping[str, Experiment], dry: bool) -> None:
    """Run experiments one after the other, or queue those that are not in the queue yet."""
    if not missing:
        return
    if dry:
        for number, (key, each) in enumerate(missing.items(), start=1):
            log(f"experiment {number} of {len(missing)}:")
            runs.now(key, each.overrides, each.targets)
        return
    waiting = runs.waiting()
    for key, each in missing.items():
        if key not in waiting:
            runs.queue(key, each.overrides, each.targets)
    log("`dvc queue start -j 1` runs what is queued one after the other; `dvc queue status` tells how far")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()
