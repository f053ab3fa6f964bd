"""`evobuild ceval-submission`."""

from __future__ import annotations

import argparse

from evobuild.cli.ceval_submission import add_ceval_submission_options, write_submission
from evobuild.process.terminal import print_text

__all__ = ["add_ceval_submission_options", "run_ceval_submission"]


def run_ceval_submission(arguments: argparse.Namespace) -> int:
    """Write the file and say where."""
    print_text(write_submission(arguments))
    return 0
