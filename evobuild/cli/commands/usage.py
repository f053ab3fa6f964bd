"""`evobuild usage`."""

from __future__ import annotations

import argparse

from evobuild.core.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(arguments: argparse.Namespace) -> int:
    """Print calls, costs and seconds."""
    from evobuild.cli.usage import usage_table

    say(usage_table())
    return 0
