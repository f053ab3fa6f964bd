"""`evobuild pass-at-k`."""

from __future__ import annotations

import argparse

from evobuild.cli.pass_at_k import add_pass_at_k as add_arguments
from evobuild.cli.pass_at_k import score_completions
from evobuild.process.terminal import print_text

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Score and print."""
    print_text(score_completions(arguments))
    return 0
