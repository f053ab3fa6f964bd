"""`evobuild inspect`."""

from __future__ import annotations

import argparse
from pathlib import Path

from evobuild.cli.overrides import add_overrides
from evobuild.process.terminal import print_text


def add_inspect_options(parser: argparse.ArgumentParser) -> None:
    """A file, and params as of `dvc exp run`."""
    add_overrides(parser)
    parser.add_argument("file", type=Path, help="seed data: .json, .jsonl, .csv, .tsv or .parquet")


def run_inspect(arguments: argparse.Namespace) -> int:
    """Print what the file holds, as the stage `seed` would read it: under params.yaml, or the shipped one."""
    from evobuild.cli.check.all_params import PARAMS
    from evobuild.cli.overrides import overridden_params
    from evobuild.core.library import template_folder
    from evobuild.core.params import StageParams, load_params
    from evobuild.seeds.inspection import inspect_file, render_inspection
    from evobuild.seeds.params import Seed

    class Params(StageParams):
        seed: Seed

    file = PARAMS if PARAMS.is_file() else template_folder() / PARAMS
    with overridden_params(arguments.set_param, file) as params:
        found = inspect_file(arguments.file, load_params(params, Params).seed)
    print_text(render_inspection(found))
    return 0
