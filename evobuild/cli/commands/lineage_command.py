"""`evobuild lineage`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_lineage_options(parser: argparse.ArgumentParser) -> None:
    """A row or a file."""
    parser.add_argument("target", metavar="ID|FILE", help="of an exported row, or a path that a stage wrote")
    parser.add_argument("--prompts", action="store_true", help="prompts whole, not their hashes alone")
    parser.add_argument("--json", action="store_true", help="all of it as one JSON object")


def run_lineage(arguments: argparse.Namespace) -> int:
    """Print what it came from."""
    from evobuild.cli.lineage import lineage_report

    print_text(
        lineage_report.trace_lineage(arguments.target, prompts=arguments.prompts, as_json=arguments.json)
    )
    return 0
