"""`evobuild store`: each of its commands does one thing to the whole reply cache and says what."""

from __future__ import annotations

import argparse
from pathlib import Path

from evobuild.core.cache_files import replies_file
from evobuild.core.errors import UserError
from evobuild.process.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add stats, push, pull, export, import, prune and rebuild; each sets `work`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    stats = commands.add_parser("stats", help="replies and bytes of each model")
    stats.set_defaults(work=_stats)
    push = commands.add_parser("push", help="share all replies over the DVC remote")
    push.set_defaults(work=_push)
    pull = commands.add_parser("pull", help="take in the replies that were shared with this commit")
    pull.set_defaults(work=_pull)
    for each in (push, pull):
        each.add_argument("-r", "--remote", metavar="NAME", help="another than DVC's default one")
    export = commands.add_parser("export", help="write replies to a Parquet file")
    export.add_argument("file", type=Path, metavar="FILE.parquet")
    export.add_argument("--model", default="", metavar="PREFIX", help="only of models that begin so")
    export.set_defaults(work=_export)
    merge = commands.add_parser("import", help="take the replies of such a file in")
    merge.add_argument("file", type=Path, metavar="FILE.parquet")
    merge.set_defaults(work=_import)
    prune = commands.add_parser("prune", help="remove replies of models, or those that only made rejects")
    which = prune.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", metavar="PREFIX", help="of models that begin so")
    which.add_argument("--keep-current", action="store_true", help="of all that params.yaml does not name")
    which.add_argument("--rejected", metavar="STAGE", help="that STAGE has rejected, such as respond@r0")
    prune.set_defaults(work=_prune)
    rebuild = commands.add_parser("rebuild", help="put what a damaged store still holds into a fresh one")
    rebuild.set_defaults(work=_rebuild)


def run(arguments: argparse.Namespace) -> int:
    """Do what the chosen one does."""
    code: int = arguments.work(arguments)
    return code


def _stats(arguments: argparse.Namespace) -> int:
    from evobuild.cli.store import archive

    say(archive.reply_table(archive.count_replies(replies_file())))
    return 0


def _push(arguments: argparse.Namespace) -> int:
    from evobuild.cli.store import shared

    added, known, damaged = shared.push_replies(replies_file(), arguments.remote)
    left = f", {damaged:,} damaged ones left out" if damaged else ""
    say(f"{added:,} replies pushed, {known:,} were there already{left}\n")
    say("for others to find them: git add replies.dvc && git commit\n" if added else "")
    return 0


def _pull(arguments: argparse.Namespace) -> int:
    from evobuild.cli.store import shared

    taken, known, damaged = shared.pull_replies(replies_file(), arguments.remote)
    say(f"{taken:,} replies taken in, {known:,} were there already\n")
    if damaged:
        raise UserError(
            f"{damaged:,} damaged parts of {shared.FOLDER}/ were left; who has them pushes them anew"
        )
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from evobuild.cli.store import archive

    taken, damaged = archive.export_replies(
        cache=replies_file(), archive=arguments.file, prefix=arguments.model
    )
    left = f", {damaged:,} damaged ones left out" if damaged else ""
    say(f"{taken:,} replies written to {arguments.file}{left}\n")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from evobuild.cli.store import archive

    taken, known = archive.import_replies(cache=replies_file(), archive=arguments.file)
    say(f"{taken:,} replies taken in, {known:,} were there already\n")
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    from evobuild.cli.check.params import PARAMS
    from evobuild.cli.store import archive, rejected

    if arguments.rejected is not None:
        texts, models = rejected.rejected_texts(arguments.rejected), rejected.chat_identities(PARAMS)
        removed, left = rejected.prune_rejected(replies_file(), texts, models)
        say(f"{removed:,} replies removed, {left:,} kept\n")
        return 0
    drop = archive.unused_models(PARAMS) if arguments.keep_current else archive.begins_with(arguments.model)
    removed, left = archive.prune_replies(replies_file(), drop)
    say(f"{removed:,} replies removed, {left:,} kept\n")
    return 0


def _rebuild(arguments: argparse.Namespace) -> int:
    from evobuild.cli.store import salvage

    done = salvage.rebuild_reply_cache(replies_file())
    wrong = f", {done.damaged:,} damaged ones left out" if done.damaged else ""
    say(f"{done.replies:,} replies kept{wrong}; the old file is {done.old}\n")
    return 0
