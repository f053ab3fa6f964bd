"""`evobuild preset`."""

from __future__ import annotations

import argparse

from evobuild.core.errors import UserError
from evobuild.process.terminal import log, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A preset."""
    parser.add_argument("name", nargs="?", help="of a preset; without it all are listed")


def run(arguments: argparse.Namespace) -> int:
    """Print a preset's options, or all presets; on standard error what it asks, where that is much."""
    from evobuild.cli import preset, preset_calls
    from evobuild.cli.check.params import PARAMS

    if not arguments.name:
        if not (listed := preset.listing()):
            raise UserError(f"{preset.FOLDER}/ has no preset here")
        say(listed)
        return 0
    options = preset.options(arguments.name)
    if asked := preset_calls.describe_calls(preset.read_preset(arguments.name), PARAMS):
        log(asked)
    say(f"{' '.join(options)}\n")
    return 0
