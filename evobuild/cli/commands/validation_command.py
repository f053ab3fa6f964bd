"""`evobuild validation`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_validation_options(parser: argparse.ArgumentParser) -> None:
    """None."""


def run_validation(arguments: argparse.Namespace) -> int:
    """Print what is not met, and where the page of all is."""
    from evobuild.cli.validation_summary import render_validation

    lines, page = render_validation()
    for line in (*(lines or ["every expectation is met"]), f"all expectations: {page}"):
        print_text(f"{line}\n")
    return 0
