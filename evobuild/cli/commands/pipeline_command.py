"""`evobuild pipeline`."""

from __future__ import annotations

import argparse

from evobuild.process.terminal import print_text


def add_pipeline_options(parser: argparse.ArgumentParser) -> None:
    """None."""


def run_pipeline(arguments: argparse.Namespace) -> int:
    """Write dvc.yaml, and say whether it changed."""
    from evobuild.cli.pipeline.pipeline import PIPELINE, write_pipeline

    changed = write_pipeline()
    written = f"written: {', '.join(map(str, changed))}"
    print_text(f"{written if changed else f'{PIPELINE} is what the stages declare'}\n")
    return 0
