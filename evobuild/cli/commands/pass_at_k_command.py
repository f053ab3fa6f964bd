"""`evobuild pass-at-k`."""

from __future__ import annotations

import argparse

from evobuild.cli.pass_at_k import add_pass_at_k_options, score_completions
from evobuild.process.terminal import print_text

__all__ = ["add_pass_at_k_options", "run_pass_at_k"]


def run_pass_at_k(arguments: argparse.Namespace) -> int:
    """Score and print."""
    print_text(score_completions(arguments))
    return 0
