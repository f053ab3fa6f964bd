"""`evobuild usage`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import say, say_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(arguments: argparse.Namespace) -> int:
    """Print calls, costs and seconds."""
    from evobuild.cli.usage import usage_tables

    for place, (title, rows) in enumerate(usage_tables().items()):
        say(f"\n{title}\n" if place else f"{title}\n")
        say_table(rows, right=range(2, len(rows[0])))
    return 0
