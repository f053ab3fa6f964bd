"""The commands beside the pipeline: `python -m evobuild plan`, `… models` and `… store`.

Exit code 0; 1 after a UserError, said in one or two lines, or if a model cannot be used; 130 if
interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from evobuild.errors import UserError
from evobuild.models.store import path as store_path
from evobuild.stage import QUIET

PARAMS = Path("params.yaml")


def main(words: list[str] | None = None) -> int:
    """Run one command; give its exit code."""
    arguments = _parser().parse_args(words)
    os.environ.update({key: value for key, value in QUIET.items() if key not in os.environ})
    try:
        code: int = arguments.run(arguments)
    except UserError as error:
        sys.stderr.write(f"evobuild: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"evobuild: {error.filename or 'disk'}: {error.strerror or error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("evobuild: interrupted\n")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evobuild", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    plan = commands.add_parser("plan", help="what a dvc repro would run, ask and cost")
    plan.add_argument(
        "-S", "--set-param", action="append", default=[], metavar="KEY=VALUE", help="as dvc exp run"
    )
    plan.add_argument("--json", action="store_true", help="one JSON object a stage")
    plan.set_defaults(run=_plan)
    models = commands.add_parser("models", help="whether the model of each role can be used")
    models.set_defaults(run=_models)
    store = commands.add_parser("store", help="the kept replies: count, share, prune, rebuild")
    _add_store(store.add_subparsers(required=True, metavar="COMMAND"))
    return parser


def _add_store(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    stats = commands.add_parser("stats", help="replies and bytes of each model")
    stats.set_defaults(run=_stats)
    export = commands.add_parser("export", help="write replies to a Parquet file")
    export.add_argument("file", type=Path, metavar="FILE.parquet")
    export.add_argument("--model", default="", metavar="PREFIX", help="only of models that begin so")
    export.set_defaults(run=_export)
    merge = commands.add_parser("import", help="take the replies of such a file in")
    merge.add_argument("file", type=Path, metavar="FILE.parquet")
    merge.set_defaults(run=_import)
    prune = commands.add_parser("prune", help="remove the replies of models")
    which = prune.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", metavar="PREFIX", help="of models that begin so")
    which.add_argument("--keep-current", action="store_true", help="of all that params.yaml does not name")
    prune.set_defaults(run=_prune)
    rebuild = commands.add_parser("rebuild", help="put what a damaged store still holds into a fresh one")
    rebuild.set_defaults(run=_rebuild)


def _plan(arguments: argparse.Namespace) -> int:
    from evobuild import plan

    planned = plan.plan(arguments.set_param)
    lines = [json.dumps(asdict(each)) for each in planned] if arguments.json else [plan.table(planned)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _models(arguments: argparse.Namespace) -> int:
    from evobuild import inspection

    found = inspection.inspect(PARAMS)
    sys.stdout.write(inspection.table(found))
    return 1 if any(each.problem for each in found) else 0


def _stats(arguments: argparse.Namespace) -> int:
    from evobuild import archive

    sys.stdout.write(archive.table(archive.stats(store_path())))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from evobuild import archive

    taken, damaged = archive.export(store_path(), arguments.file, arguments.model)
    left = f", {damaged:,} damaged ones left out" if damaged else ""
    sys.stdout.write(f"{taken:,} replies written to {arguments.file}{left}\n")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from evobuild import archive

    taken, known = archive.merge(store_path(), arguments.file)
    sys.stdout.write(f"{taken:,} replies taken in, {known:,} were there already\n")
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    from evobuild import archive

    drop = archive.unused(PARAMS) if arguments.keep_current else archive.beginning(arguments.model)
    removed, left = archive.prune(store_path(), drop)
    sys.stdout.write(f"{removed:,} replies removed, {left:,} kept\n")
    return 0


def _rebuild(arguments: argparse.Namespace) -> int:
    from evobuild import salvage

    done = salvage.rebuild(store_path())
    wrong = f", {done.damaged:,} damaged ones left out" if done.damaged else ""
    sys.stdout.write(f"{done.replies:,} replies kept{wrong}; the old file is {done.old}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
