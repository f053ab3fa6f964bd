"""`evobuild models`."""

from __future__ import annotations

import argparse

from evobuild.core.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(arguments: argparse.Namespace) -> int:
    """Print each role's model; 1 if one cannot be used."""
    from evobuild.cli.check.params import PARAMS
    from evobuild.cli.models import inspection

    found = inspection.inspect(PARAMS)
    say(inspection.roles_table(found))
    return 1 if any(each.problem for each in found) else 0
