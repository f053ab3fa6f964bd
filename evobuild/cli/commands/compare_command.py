"""`evobuild compare`."""

from __future__ import annotations

import argparse
import json

from evobuild.process.terminal import print_text


def add_compare_options(parser: argparse.ArgumentParser) -> None:
    """Two models, and benchmarks."""
    parser.add_argument(
        "models",
        nargs=2,
        metavar="MODEL",
        help="of evaluate.models, or REVISION:MODEL, also of an experiment",
    )
    parser.add_argument(
        "--judge",
        nargs="?",
        const="",
        metavar="URI",
        help="have a judge see their stored answers, in both orders: this model, or models.judge",
    )
    parser.add_argument(
        "--benchmark", action="append", default=[], metavar="NAME", help="only this one; may be given again"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run_compare(arguments: argparse.Namespace) -> int:
    """Print the paired comparison."""
    from evobuild.cli import model_comparison
    from evobuild.cli.check.all_params import PARAMS
    from evobuild.core.uri import parse_chat_model

    a, b = arguments.models
    judging = None
    if arguments.judge is not None:
        judging = model_comparison.JudgeChoice(parse_chat_model(arguments.judge) if arguments.judge else None)
    found = model_comparison.compare_models(PARAMS, a, b, arguments.benchmark, judging)
    print_text(
        f"{json.dumps(found._asdict())}\n"
        if arguments.json
        else model_comparison.format_model_comparison(found)
    )
    return 0
