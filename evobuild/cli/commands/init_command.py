"""`evobuild init`."""

from __future__ import annotations

import argparse
from pathlib import Path

from evobuild.cli.overrides import add_overrides
from evobuild.process.terminal import print_text


def add_init_options(parser: argparse.ArgumentParser) -> None:
    """A folder, seed data, a preset, and changes of params as of `dvc exp run`."""
    add_overrides(parser)
    parser.add_argument("folder", type=Path, help="a new one, or an empty one")
    parser.add_argument(
        "--seed", type=Path, metavar="FILE", help="seed data: .json, .jsonl, .csv or .parquet"
    )
    parser.add_argument("--preset", metavar="NAME", help="settings of published work, as of evobuild preset")


def run_init(arguments: argparse.Namespace) -> int:
    """Make a project."""
    from evobuild.cli.project.init import create_project

    print_text(create_project(arguments.folder, arguments.seed, arguments.preset, arguments.set_param))
    return 0
