"""`evobuild models`."""

from __future__ import annotations

import argparse

from evobuild.cli.overrides import add_overrides, overridden_params
from evobuild.process.terminal import say, say_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Params as of `dvc exp run`."""
    add_overrides(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print each role's model; 1 if one cannot be used."""
    from evobuild.cli.models import inspection

    with overridden_params(arguments.set_param) as params:
        found = inspection.inspect(params)
    say_table(inspection.role_rows(found))
    say(inspection.verdict(found))
    return 1 if any(each.problem for each in found) else 0
