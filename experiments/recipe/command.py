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
from typing import NoReturn

from evobuild.core.errors import UserError
from evobuild.core.terminal import log, say
from experiments.recipe import costs, page, runs
from experiments.recipe.design import Experiment, Recipe, evaluation_sets, experiments
from experiments.recipe.papers import STAND_INS

SAMPLE = {"sample": Path("data/raw/sample.jsonl")}
"""What a dry run takes without `--data`."""
DRY_ROWS = 24
"""What a dry run draws of each data set without `--rows`."""


def run(recipe: Recipe) -> NoReturn:
    """Run a recipe's command line, and exit: 0; 1 after a UserError; 130 if interrupted."""
    name = Path(sys.argv[0]).stem
    try:
        main(name, recipe, sys.argv[1:])
    except UserError as error:
        log(f"{name}: {error}")
        sys.exit(1)
    except OSError as error:
        log(f"{name}: {error.filename or 'disk'}: {error.strerror or error}")
        sys.exit(1)
    except KeyboardInterrupt:
        log(f"{name}: interrupted")
        sys.exit(130)
    sys.exit(0)


def main(name: str, recipe: Recipe, words: Sequence[str]) -> None:
    """Plan a recipe; or run or queue what has not run, and show what has.

    Raises UserError if the words cannot be understood, or an experiment cannot be run or read.
    """
    arguments = _parser(name, recipe).parse_args(words)
    data, sets = _data(recipe, arguments), _files("--set", arguments.sets)
    settings = {**_settings(recipe, arguments), **evaluation_sets(sets)}
    cast = (STAND_INS if arguments.dry_run else {}) | _pairs("--use", arguments.use)
    wanted = experiments(recipe, data, settings, cast)
    if arguments.plan:
        say(costs.table(wanted))
        return
    commit = runs.commit()
    tests = [_digest(path) for path in sets.values()]
    content = {key: " ".join([_digest(path), *tests]) for key, path in data.items()}
    named = {each.name(name, commit, content[each.labels["data"]]): each for each in wanted}
    finished = runs.finished()
    _run({key: each for key, each in named.items() if key not in finished}, arguments.dry_run)
    finished = runs.finished()
    found = {key: each for key, each in named.items() if key in finished}
    if len(found) < len(named):
        log(f"{len(found)} of {len(named)} experiments have finished; run this again for the others")
    if found:
        say(page.written(name, recipe, found))


def _parser(name: str, recipe: Recipe) -> argparse.ArgumentParser:
    paper = ", ".join(f"{data} ({rows:,} rows)" for data, rows in recipe.data.items())
    parser = argparse.ArgumentParser(
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
    """Read files by name. Raises UserError if a name is none, or a file is not there."""
    files = {key: Path(value).absolute() for key, value in _pairs(option, words).items()}
    for key, path in files.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
            raise UserError(f"{option} {key}=…: expected a name of small letters, digits and '_'")
        if not path.is_file():
            raise UserError(f"{option} {key}={path}: no such file")
    return files


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
