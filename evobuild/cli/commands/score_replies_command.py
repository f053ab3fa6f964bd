"""`evobuild score-replies`."""

from __future__ import annotations

import argparse

from evobuild.cli.score_replies import add_score_replies_options, score_replies
from evobuild.process.terminal import print_text

__all__ = ["add_score_replies_options", "run_score_replies"]


def run_score_replies(arguments: argparse.Namespace) -> int:
    """Score and print."""
    print_text(score_replies(arguments))
    return 0
