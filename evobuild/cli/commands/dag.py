"""`evobuild dag`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(arguments: argparse.Namespace) -> int:
    """Print the pipeline."""
    from evobuild.cli.dag import dag_table

    say(dag_table())
    return 0
