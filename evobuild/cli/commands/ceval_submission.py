"""`evobuild ceval-submission`."""

from __future__ import annotations

import argparse

from evobuild.cli.ceval_submission import add_ceval_submission as add_arguments
from evobuild.cli.ceval_submission import write_submission
from evobuild.process.terminal import say

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say where."""
    say(write_submission(arguments))
    return 0
