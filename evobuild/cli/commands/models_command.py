"""`evobuild models`."""

from __future__ import annotations

import argparse

from evobuild.cli.overrides import add_overrides, overridden_params
from evobuild.process.terminal import print_table, print_text


def add_models_options(parser: argparse.ArgumentParser) -> None:
    """Params as of `dvc exp run`."""
    add_overrides(parser)


def run_models(arguments: argparse.Namespace) -> int:
    """Print each role's model; 1 if one cannot be used."""
    from evobuild.cli.models import role_checks

    with overridden_params(arguments.set_param) as params:
        found = role_checks.check_roles(params)
    print_table(role_checks.format_roles(found))
    print_text(role_checks.format_verdict(found))
    return 1 if any(each.problem for each in found) else 0
