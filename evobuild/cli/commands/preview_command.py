"""`evobuild preview`."""

from __future__ import annotations

import argparse
from pathlib import Path

from evobuild.cli.overrides import add_overrides
from evobuild.process.terminal import print_text

MOST_ROWS = 50


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MOST_ROWS):
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number of rows from 1 to {MOST_ROWS}")
    return int(text)


def add_preview_options(parser: argparse.ArgumentParser) -> None:
    """How many rows, what is asked about them, and params as of `dvc exp run`."""
    parser.add_argument("-n", "--rows", type=_count, default=5, help=f"rows of r0, 5 or up to {MOST_ROWS}")
    parser.add_argument("--rate", action="store_true", help="ask the judge how difficult they are, too")
    parser.add_argument("--full", action="store_true", help="show texts whole")
    add_overrides(parser)


def run_preview(arguments: argparse.Namespace) -> int:
    """Ask, and print prompts, replies and what they took; 1 if models were asked and gave no answer."""
    from evobuild.answering.response_prompt import response_template
    from evobuild.cli.check.all_params import load_all_params
    from evobuild.cli.check.package_checks import check_packages
    from evobuild.cli.overrides import overridden_params
    from evobuild.cli.preview import preview, preview_text
    from evobuild.core import machine
    from evobuild.core.prompts import use_folder

    with overridden_params(arguments.set_param) as file:
        params = load_all_params(file)
    check_packages(params)
    with use_folder(Path(params.prompts)):
        found = preview.preview_rows(params, arguments.rows, arguments.rate)
        template = response_template(params.respond.prompt)
        print_text(preview_text.render_preview(found, template, machine.load_machine(), arguments.full))
    return 0 if preview.has_answers(found) else 1
