"""`evobuild models`."""

from __future__ import annotations

import argparse

from evobuild.cli.overrides import add_overrides, overridden_params
from evobuild.process.terminal import print_table, print_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Params as of `dvc exp run`."""
    add_overrides(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print each role's model; 1 if one cannot be used."""
    from evobuild.cli.models import inspection

    with overridden_params(arguments.set_param) as params:
        found = inspection.inspect(params)
    print_table(inspection.role_rows(found))
    print_text(inspection.verdict(found))
    return 1 if any(each.problem for each in found) else 0
