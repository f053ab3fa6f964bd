"""`evobuild upgrade`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether to write."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if something would change"
    )


def run(arguments: argparse.Namespace) -> int:
    """Upgrade, or say what that would do."""
    from evobuild.cli.project.upgrade import upgrade

    said, is_well = upgrade(arguments.check)
    print_text(said)
    return 0 if is_well else 1
