"""`evobuild repro`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_repro_options(parser: argparse.ArgumentParser) -> None:
    """Take every word as it is: options, too, are for DVC."""
    # No option begins with this character.
    parser.prefix_chars = "\0"
    parser.add_argument("words", nargs="*", metavar="WORD", help="of dvc repro: stages and options")
    parser.set_defaults(help=parser.format_help)


def run_repro(arguments: argparse.Namespace) -> int:
    """Check, then run DVC."""
    from evobuild.cli import repro

    if {"-h", "--help"} & set(arguments.words):
        print_text(arguments.help())
        raise SystemExit(0)
    return repro.run_repro(arguments.words)
