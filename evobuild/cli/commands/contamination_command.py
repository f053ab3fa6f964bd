"""`evobuild contamination`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evobuild.process.terminal import print_text


def add_contamination_options(parser: argparse.ArgumentParser) -> None:
    """Rows, evaluation sets, and what counts as shared."""
    parser.add_argument(
        "--rows", action="append", required=True, type=Path, metavar="FILE", help="seed data of any format"
    )
    parser.add_argument(
        "--set", action="append", required=True, metavar="NAME=FILE", help="an evaluation set"
    )
    parser.add_argument(
        "--columns", action="append", default=[], metavar="NAME=COLUMN,…", help="of a set, the question first"
    )
    parser.add_argument(
        "--ngrams", nargs="+", type=int, default=[13, 8], metavar="N", help="adjacent words; default 13 8"
    )
    parser.add_argument(
        "--show", type=int, default=0, metavar="N", help="the N longest overlaps of each file and set"
    )


def run_contamination(arguments: argparse.Namespace) -> int:
    """Print each file's overlaps as they are found."""
    from evobuild.cli import contamination_check

    sets = contamination_check.read_sets(arguments.set, arguments.columns)
    for text in contamination_check.find_overlaps(arguments.rows, sets, arguments.ngrams, arguments.show):
        print_text(text)
        sys.stdout.flush()
    return 0
