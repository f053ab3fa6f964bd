"""`evobuild pull`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_pull_options(parser: argparse.ArgumentParser) -> None:
    """Take every word as it is: options are for DVC."""
    # No option begins with this character.
    parser.prefix_chars = "\0"
    parser.add_argument("words", nargs="*", metavar="OPTION", help="of dvc pull, such as -r NAME")
    parser.set_defaults(help=parser.format_help)


def run_pull(arguments: argparse.Namespace) -> int:
    """Have DVC pull what was pushed."""
    from evobuild.cli import pull

    if {"-h", "--help"} & set(arguments.words):
        print_text(arguments.help())
        raise SystemExit(0)
    return pull.pull_pushed(arguments.words)
