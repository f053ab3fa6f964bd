"""`evobuild usage`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_table, print_text


def add_usage_options(parser: argparse.ArgumentParser) -> None:
    """None."""


def run_usage(arguments: argparse.Namespace) -> int:
    """Print calls, costs and seconds."""
    from evobuild.cli.usage import format_usage

    for place, (title, rows) in enumerate(format_usage().items()):
        print_text(f"\n{title}\n" if place else f"{title}\n")
        print_table(rows, right=range(2, len(rows[0])))
    return 0
