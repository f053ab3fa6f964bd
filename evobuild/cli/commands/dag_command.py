"""`evobuild dag`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_dag_options(parser: argparse.ArgumentParser) -> None:
    """None."""


def run_dag(arguments: argparse.Namespace) -> int:
    """Print the pipeline."""
    from evobuild.cli.dag import format_dag

    print_text(format_dag())
    return 0
