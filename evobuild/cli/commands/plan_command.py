"""`evobuild plan`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from evobuild.cli.overrides import add_overrides
from evobuild.process.terminal import print_table, print_text


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Params as of `dvc exp run`, and stages."""
    add_overrides(parser)
    parser.add_argument("targets", nargs="*", metavar="STAGE", help="only these and what they need")
    parser.add_argument("--json", action="store_true", help="one JSON object for each stage that is on")


def run_plan(arguments: argparse.Namespace) -> int:
    """Print what would run."""
    from evobuild.cli.plan import plan

    planned = plan.plan_stages(arguments.set_param, arguments.targets)
    if arguments.json:
        print_text("".join(f"{json.dumps(asdict(each))}\n" for each in planned.stages))
        return 0
    if planned.stages:
        print_table(plan.format_plan(planned), right=range(1, len(plan.HEADER)))
    print_text("".join(f"{line}\n" for line in plan.format_notes(planned)))
    return 0
