"""`evobuild explain`."""

from __future__ import annotations

import argparse

from evobuild.core.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A row."""
    parser.add_argument("id", help="of a row, or as much of its beginning as no other id shares")


def run(arguments: argparse.Namespace) -> int:
    """Print a row's life."""
    from evobuild.cli.explain import explain

    say(explain.explain(arguments.id))
    return 0
