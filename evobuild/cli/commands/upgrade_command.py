"""`evobuild upgrade`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_upgrade_options(parser: argparse.ArgumentParser) -> None:
    """Whether to write."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if something would change"
    )


def run_upgrade(arguments: argparse.Namespace) -> int:
    """Upgrade, or say what that would do."""
    from evobuild.cli.project.upgrade import upgrade_project

    said, is_well = upgrade_project(arguments.check)
    print_text(said)
    return 0 if is_well else 1
