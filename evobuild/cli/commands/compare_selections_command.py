"""`evobuild compare-selections`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_compare_selections_options(parser: argparse.ArgumentParser) -> None:
    """Two metrics, and how many examples."""
    parser.add_argument("--examples", type=int, default=3, metavar="N", help="rows of each kind; default 3")
    parser.add_argument("--between", nargs=2, default=(), metavar="METRIC", help="show what two disagree on")


def run_compare_selections(arguments: argparse.Namespace) -> int:
    """Print what each metric would choose."""
    from evobuild.cli import selection_comparison
    from evobuild.cli.check.all_params import PARAMS

    print_text(
        selection_comparison.format_selection_comparison(PARAMS, arguments.examples, arguments.between)
    )
    return 0
