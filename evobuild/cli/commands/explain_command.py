"""`evobuild explain`."""

from __future__ import annotations

import argparse

from evobuild.core.errors import UserError
from evobuild.process.terminal import print_text


def add_explain_options(parser: argparse.ArgumentParser) -> None:
    """A row, or a random one."""
    parser.add_argument("id", nargs="?", help="of a row, or as much of its beginning as no other id shares")
    parser.add_argument("--random", action="store_true", help="a random row of all rounds and branches")
    parser.add_argument("--seed", type=int, metavar="NUMBER", help="draws the same random row again")


def run_explain(arguments: argparse.Namespace) -> int:
    """Print a row's life. Raises UserError unless there is either an id or --random."""
    from evobuild.cli.explain import explain

    if (arguments.id is None) != arguments.random:
        raise UserError("explain: give the id of a row, or --random")
    print_text(explain.explain_row(arguments.id, arguments.seed))
    return 0
