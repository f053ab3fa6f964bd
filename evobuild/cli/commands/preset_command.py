"""`evobuild preset`."""

from __future__ import annotations

import argparse

from evobuild.core.errors import UserError
from evobuild.process.terminal import print_text


def add_preset_options(parser: argparse.ArgumentParser) -> None:
    """A preset."""
    parser.add_argument("name", nargs="?", help="of a preset; without it all are listed")


def run_preset(arguments: argparse.Namespace) -> int:
    """Print a preset's options, or all presets."""
    from evobuild.cli import preset

    if not arguments.name:
        if not (listed := preset.format_presets()):
            raise UserError(f"{preset.FOLDER}/ has no preset here")
        print_text(listed)
        return 0
    print_text(f"{' '.join(preset.format_options(arguments.name))}\n")
    return 0
