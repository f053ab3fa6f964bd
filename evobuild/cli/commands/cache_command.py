"""`evobuild cache`: export, import and prune the reply cache."""

from __future__ import annotations

import argparse
from pathlib import Path

from evobuild.core.errors import UserError
from evobuild.core.sqlite_cache import replies_file
from evobuild.process.terminal import print_text


def add_cache_options(parser: argparse.ArgumentParser) -> None:
    """Add export, import and prune; each sets `work`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    export = commands.add_parser("export", help="write replies to a Parquet file")
    export.add_argument("file", type=Path, metavar="FILE.parquet")
    export.add_argument("--model", default="", metavar="PREFIX", help="only of models that begin so")
    export.set_defaults(work=_export)
    merge = commands.add_parser("import", help="add the replies of such a file")
    merge.add_argument("file", type=Path, metavar="FILE.parquet")
    merge.set_defaults(work=_import)
    prune = commands.add_parser("prune", help="remove replies of models, or those that only made rejects")
    which = prune.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", metavar="PREFIX", help="of models that begin so")
    which.add_argument("--keep-current", action="store_true", help="of all that params.yaml does not name")
    which.add_argument("--rejected", metavar="STAGE", help="that STAGE has rejected, such as respond@r0")
    prune.set_defaults(work=_prune)


def run_cache(arguments: argparse.Namespace) -> int:
    """Run the chosen subcommand."""
    code: int = arguments.work(arguments)
    return code


def _export(arguments: argparse.Namespace) -> int:
    from evobuild.cli.cache import reply_archive

    taken, damaged = reply_archive.export_replies(
        cache=replies_file(), archive=arguments.file, prefix=arguments.model
    )
    left = f", {damaged:,} damaged ones left out" if damaged else ""
    print_text(f"{taken:,} replies written to {arguments.file}{left}\n")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from evobuild.cli.cache import reply_archive

    taken, known = reply_archive.import_replies(cache=replies_file(), archive=arguments.file)
    print_text(f"{taken:,} replies imported, {known:,} were there already\n")
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    from evobuild.cli.cache import reply_pruning
    from evobuild.cli.check.all_params import PARAMS

    if arguments.rejected is not None:
        texts, current = (
            reply_pruning.read_reject_replies(arguments.rejected),
            reply_pruning.read_chat_identities(PARAMS),
        )
        done = reply_pruning.prune_replies(
            replies_file(), current.__contains__, lambda stored: reply_pruning.says_only(stored, texts)
        )
    elif arguments.keep_current:
        current = reply_pruning.read_chat_identities(PARAMS)
        done = reply_pruning.prune_replies(replies_file(), lambda identity: identity not in current)
    else:
        if not arguments.model:
            raise UserError("--model is empty; expected how a model's identity begins")
        done = reply_pruning.prune_replies(
            replies_file(), lambda identity: identity.startswith(arguments.model)
        )
    print_text(f"{done.taken:,} replies removed, {done.left:,} left\n")
    return 0
