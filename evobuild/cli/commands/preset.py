"""`evobuild preset`."""

from __future__ import annotations

import argparse

from evobuild.core.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A preset."""
    parser.add_argument("name", nargs="?", help="of a preset; without it all are listed")


def run(arguments: argparse.Namespace) -> int:
    """Print a preset's options, or all presets."""
    from evobuild.cli import preset

    say(f"{' '.join(preset.options(arguments.name))}\n" if arguments.name else preset.listing())
    return 0
