"""`evobuild validation`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(arguments: argparse.Namespace) -> int:
    """Print what is not met, and where the page of all is."""
    from evobuild.cli.validation import render_kept

    lines, page = render_kept()
    for line in (*(lines or ["every expectation is met"]), f"all expectations: {page}"):
        print_text(f"{line}\n")
    return 0
