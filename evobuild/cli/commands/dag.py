"""`evobuild dag`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(arguments: argparse.Namespace) -> int:
    """Print the pipeline."""
    from evobuild.cli.dag import dag_table

    print_text(dag_table())
    return 0
